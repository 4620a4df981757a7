//! The channel rules, from the file's words.

use edge::{Access, Rule, Scope, Template, WhenSlow, Who};
use publication::Pattern;

use super::{
    file::{self, Channels, Data, File},
    problem::Problem,
};

/// The rules; whether there are keys `for_tokens` decides what may stand in them, and what holds without
/// any.
pub(super) fn access(file: &File, for_tokens: bool, problems: &mut Vec<Problem>) -> Access {
    let mut rules = Vec::with_capacity(file.channels.len());
    for (index, channels) in file.channels.iter().enumerate() {
        match scope(&channels.pattern) {
            Ok(scope) => {
                check_words(index, channels, &scope, for_tokens, problems);
                rules.push(rule(channels, scope));
            }
            Err(reason) => {
                let value = Some(format!("{:?}", channels.pattern));
                problems.push(Problem::new(format!("channels[{index}].match"), value, reason));
            }
        }
    }
    let loopback = file.listen.public.ip().is_loopback();
    if file.channels.is_empty() && !loopback && !for_tokens {
        let reason = "this address can be reached from other machines, so [auth] must have a key for tokens, or a \
                      rule must say what is open to whom, such as:\n\n[[channels]]\nmatch = \"*\"\nsubscribe = \
                      \"anyone\"\n";
        problems.push(Problem::new("listen.public", Some(file.listen.public.to_string()), reason));
    }
    Access { rules, open_to_this_machine: loopback, open_to_tokens: for_tokens }
}

/// The claims that the rules ask for.
pub(super) fn claims(channels: &[Channels]) -> Vec<String> {
    let templates = channels.iter().filter_map(|channels| channels.pattern.parse::<Template>().ok());
    let mut claims: Vec<String> =
        templates.flat_map(|template| template.claims().map(str::to_owned).collect::<Vec<_>>()).collect();
    claims.sort();
    claims.dedup();
    claims
}

fn scope(text: &str) -> Result<Scope, String> {
    if Template::is_one(text) {
        text.parse().map(Scope::Template).map_err(|error: edge::TemplateError| error.to_string())
    } else {
        Pattern::parse(text).map(Scope::Pattern).map_err(|error| error.to_string())
    }
}

fn rule(channels: &Channels, scope: Scope) -> Rule {
    Rule {
        scope,
        subscribe: who(channels.subscribe),
        publish: who(channels.publish),
        presence: who(channels.presence),
        json: channels.data == Data::Json,
        when_slow: match channels.when_slow {
            file::WhenSlow::Skip => WhenSlow::Skip,
            file::WhenSlow::Latest => WhenSlow::Latest,
            file::WhenSlow::Close => WhenSlow::Close,
        },
        keep_last: channels.keep_last,
    }
}

/// Words that cannot mean what they say.
fn check_words(
    index: usize,
    channels: &Channels,
    scope: &Scope,
    for_tokens: bool,
    problems: &mut Vec<Problem>,
) {
    let acts =
        [("subscribe", channels.subscribe), ("publish", channels.publish), ("presence", channels.presence)];
    for (key, who) in acts {
        let reason = match (who, scope) {
            (file::Who::Token, _) if !for_tokens => {
                "no token can be checked: [auth] has no secret, no public_key_file, no jwks_url and no ask"
            }
            (file::Who::Anyone, Scope::Template(_)) => {
                "whose channel it is only a token can prove; with claims in `match` this is \"token\" or \"nobody\""
            }
            _ => continue,
        };
        let value = toml::Value::try_from(who).ok().map(|value| value.to_string());
        problems.push(Problem::new(format!("channels[{index}].{key}"), value, reason));
    }
}

fn who(who: file::Who) -> Who {
    match who {
        file::Who::Anyone => Who::Anyone,
        file::Who::Token => Who::Token,
        file::Who::Nobody => Who::Nobody,
    }
}
