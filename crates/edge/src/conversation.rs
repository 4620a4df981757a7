//! Requests that come over WebSockets are answered, one at a time for each session.

use std::rc::Rc;

use hub::{Selection, SessionKey};
use publication::{ChannelName, Draft, Pattern, Published};

use crate::{
    asker::Asker,
    auth,
    close::CloseReason,
    command::{Ask, Command, Post},
    poll, presence, publish,
    request::Since,
    respond::Refusal,
    shard::Shard,
    websocket,
};

/// Starts answering what has been asked, each in a task that ends with its session.
pub(crate) fn start(shard: &Rc<Shard>) {
    let mut sessions = shard.sessions.borrow_mut();
    for (key, ask) in sessions.take_requests() {
        let task = tokio::task::spawn_local(answer(Rc::clone(shard), key, ask));
        sessions.note_answering(key, task.abort_handle());
    }
}

async fn answer(shard: Rc<Shard>, key: SessionKey, ask: Ask) {
    let Ask { reference, command } = ask;
    let answer = match command {
        Command::Subscribe { patterns, since } => subscribe(&shard, key, patterns, since).await,
        Command::Unsubscribe { patterns } => Ok(unsubscribe(&shard, key, &patterns)),
        Command::Publish(post) => publish(&shard, key, &post).await,
        Command::Presence { channel } => presence(&shard, key, &channel).await,
        Command::Token(token) => renew(&shard, key, &token).await,
    };
    let mut sessions = shard.sessions.borrow_mut();
    match answer {
        Ok(members) => sessions.reply(key, &ok(reference.as_deref(), &members)),
        Err(refusal) => sessions.reply_refused(key, reference.as_deref(), &refusal),
    }
    shard.stirred.notify_one();
}

/// Adds channels to a session when it has read all that there is for it: so what is in the answer and
/// what comes after it are one order.
async fn subscribe(
    shard: &Shard,
    key: SessionKey,
    patterns: Vec<Pattern>,
    since: Since,
) -> Result<Vec<u8>, Refusal> {
    let asker = asker(shard, key)?;
    let access = &shard.config().access;
    access.allow(&patterns, &asker)?;
    if shard.sessions.borrow().takes_part(key) {
        access.allow_presence(&patterns, &asker)?;
    }
    shard.sessions.borrow().check_room(key, &patterns)?;
    let selection = Selection::new(patterns.iter().cloned());
    loop {
        // Registered before looking, so that nothing is missed in between.
        let turned = shard.turned.notified();
        if shard.sessions.borrow().has_all(key) {
            let caught = poll::catch_up(shard, &selection, since).await?;
            let mut sessions = shard.sessions.borrow_mut();
            if sessions.has_all(key) {
                if !caught.more {
                    sessions.subscribe(key, &patterns);
                }
                return Ok(caught.members);
            }
        }
        turned.await;
    }
}

fn unsubscribe(shard: &Shard, key: SessionKey, patterns: &[Pattern]) -> Vec<u8> {
    let mut sessions = shard.sessions.borrow_mut();
    sessions.unsubscribe(key, patterns);
    let cursor = sessions.hub.cursor_at(key);
    cursor.map_or(Vec::new(), |cursor| format!(r#","cursor":"{cursor}""#).into_bytes())
}

async fn publish(shard: &Shard, key: SessionKey, post: &Post) -> Result<Vec<u8>, Refusal> {
    let access = &shard.config().access;
    let asker = asker(shard, key)?;
    access.allow_publish(&post.channel, &asker)?;
    let data = post.data(access.takes_json(&post.channel))?;
    let draft = post.draft(&data)?;
    let name = shard.sessions.borrow().name(key);
    let except = name.filter(|_| !post.echo);
    if except.is_some() {
        shard.sessions.borrow_mut().note_unechoed(key);
    }
    let from = asker.subject().map(str::to_owned).or(name.map(|name| name.to_string()));
    let done = publish::publish(shard, Draft { from: from.as_deref(), except, ..draft }, None).await?;
    Ok(match done.published {
        Published::At(cursor) => format!(r#","cursor":"{cursor}""#).into_bytes(),
        Published::Subscribers(count) => format!(r#","subscribers":{count}"#).into_bytes(),
    })
}

async fn presence(shard: &Shard, key: SessionKey, channel: &ChannelName) -> Result<Vec<u8>, Refusal> {
    let presence = presence::find(shard, channel, &asker(shard, key)?).await?;
    let mut members = b",\"presence\":".to_vec();
    presence::write(&mut members, channel, &presence);
    Ok(members)
}

/// Has a session go on with another token of the same subject. Nothing that it has may be closed to that
/// one: who is let in by less is to begin anew.
async fn renew(shard: &Shard, key: SessionKey, token: &str) -> Result<Vec<u8>, Refusal> {
    let identity = auth::check(shard, token).await?;
    let config = shard.config();
    let Asker { foreign, identity: before, operates } = asker(shard, key)?;
    if before.is_some_and(|before| before.subject != identity.subject) {
        return Err(Refusal::another_subject());
    }
    let renewed = Asker { foreign, identity: Some(identity), operates };
    let mut sessions = shard.sessions.borrow_mut();
    let patterns = sessions.asked_for(key);
    config.access.allow(&patterns, &renewed)?;
    if sessions.takes_part(key) {
        config.access.allow_presence(&patterns, &renewed)?;
    }
    let left = renewed.time_left().map_or("null".to_owned(), |left| left.as_millis().to_string());
    sessions.renew(key, renewed)?;
    Ok(format!(r#","expires_in_ms":{left}"#).into_bytes())
}

/// Who asks, unless it has gone meanwhile.
fn asker(shard: &Shard, key: SessionKey) -> Result<Asker, Refusal> {
    // The task of a session that has gone is ended; nobody hears this.
    shard.sessions.borrow().asker(key).ok_or_else(|| Refusal::closed(CloseReason::Gone))
}

/// The frame of an answer that says yes, with what else there is to say.
fn ok(reference: Option<&str>, members: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(members.len() + 64);
    websocket::write_text(&mut out, |out| {
        out.push(b'{');
        write_reference(out, reference);
        out.extend_from_slice(br#""ok":true"#);
        out.extend_from_slice(members);
        out.push(b'}');
    });
    out
}

/// The frame of an answer that says no, and why.
pub(crate) fn refused(reference: Option<&str>, refusal: &Refusal) -> Vec<u8> {
    let mut out = Vec::new();
    websocket::write_text(&mut out, |out| {
        out.push(b'{');
        write_reference(out, reference);
        out.extend_from_slice(format!(r#""error":{}}}"#, refusal.json()).as_bytes());
    });
    out
}

fn write_reference(out: &mut Vec<u8>, reference: Option<&str>) {
    if let Some(reference) = reference {
        out.extend_from_slice(format!(r#""ref":{reference},"#).as_bytes());
    }
}
