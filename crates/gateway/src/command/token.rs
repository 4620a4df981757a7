//! `fanfare token`: makes tokens for development, and looks at them.

use std::{
    fs,
    io::Read,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use identity::{Signer, read_unproven};
use publication::Pattern;
use serde_json::{Value, json};

use crate::{
    cli::{TokenOptions, fail},
    command,
    config::{File, Settings},
};

/// Makes or inspects one.
pub(crate) fn run(options: &TokenOptions) -> ExitCode {
    let (file, settings) = match command::settings(&options.config) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let done = match &options.inspect {
        Some(token) => inspect(token, &settings),
        None => make(options, &file),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => fail(message),
    }
}

fn make(options: &TokenOptions, file: &File) -> Result<String, String> {
    let signer = match &options.key {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Signer::pem(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None if file.auth.secret.is_empty() => {
            return Err("there is no secret to sign with; set [auth] secret, or give --key FILE".to_owned());
        }
        None => Signer::secret(file.auth.secret.as_bytes()).map_err(|error| error.to_string())?,
    };
    signer.sign(&claims(options, file)?).map_err(|error| error.to_string())
}

/// What the token is to say: what is asked for, and what the gateway demands.
fn claims(options: &TokenOptions, file: &File) -> Result<Value, String> {
    for grant in options.subscribe.iter().chain(&options.publish) {
        Pattern::parse(grant).map_err(|error| format!("{grant:?} is no channel and no pattern: {error}"))?;
    }
    let mut claims = json!({ "iat": seconds() });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            claims[name] = value;
        }
    };
    set("iss", Some(&file.auth.issuer).filter(|issuer| !issuer.is_empty()).map(|issuer| json!(issuer)));
    set("aud", file.auth.audience.first().map(|audience| json!(audience)));
    set("sub", options.subject.as_ref().map(|subject| json!(subject)));
    set("jti", options.id.as_ref().map(|id| json!(id)));
    if options.expires != "never" {
        let holds = humantime::parse_duration(&options.expires)
            .map_err(|_| format!("{:?} is no length of time; write it like 1h", options.expires))?;
        set("exp", Some(json!(seconds() + holds.as_secs())));
    }
    for claim in &options.claim {
        let (name, text) =
            claim.split_once('=').ok_or_else(|| format!("{claim:?} is no NAME=TEXT, such as tenant=acme"))?;
        set(name, Some(json!(text)));
    }
    let mut ours = json!({ "subscribe": options.subscribe, "publish": options.publish });
    if options.console {
        ours["console"] = true.into();
    }
    if let Some(info) = &options.info {
        ours["info"] = serde_json::from_str(info).map_err(|error| format!("--info is no JSON: {error}"))?;
    }
    set("fanfare", Some(ours));
    Ok(claims)
}

fn inspect(token: &str, settings: &Settings) -> Result<String, String> {
    let mut text = token.to_owned();
    if text == "-" {
        text.clear();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    }
    let token = text.trim();
    let (header, claims) = read_unproven(token).ok_or("this is no JWT: `header.payload.signature`")?;
    let keyring = &settings.edge.auth.keyring;
    let verdict = match keyring.check(token, SystemTime::now()) {
        _ if keyring.is_empty() => Err("no key is configured ([auth]), so it was not checked".to_owned()),
        Ok(_) => Ok("accepted by this configuration"),
        Err(error) => Err(error.to_string()),
    };
    let shown = format!("header: {header}\nclaims: {claims:#}");
    match verdict {
        Ok(words) => Ok(format!("{shown}\n{words}")),
        Err(words) => {
            println!("{shown}");
            Err(words)
        }
    }
}

/// Since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
