//! Gateways that ask for tokens, and who signs those.

use std::fs;
use std::path::Path;
use std::process::Command;

use identity::Signer;
use serde_json::json;

use super::Contender;
use crate::Result;

const SECRET: &str = "a secret of the benchmark, as long as it has to be";
/// Beyond every run.
const EXPIRES: u64 = 4_000_000_000;

/// What a gateway is configured with so that everybody needs a token, and who signs; `None` where nobody does.
pub(super) fn demand(contender: Contender, directory: &Path) -> Result<Option<(String, Signer)>> {
    let (key, signer) = match contender {
        Contender::Hs256 => (format!("secret = \"{SECRET}\""), Signer::secret(SECRET.as_bytes())?),
        Contender::Es256 | Contender::Guarded => {
            let (private, public) = (directory.join("private.pem"), directory.join("public.pem"));
            openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out", &private, None)?;
            openssl("pkey -pubout -out", &public, Some(&private))?;
            let signer = Signer::pem(&fs::read_to_string(private)?)?;
            (format!("public_key_file = \"{}\"", public.display()), signer)
        }
        _ => return Ok(None),
    };
    let rule = "[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\n";
    Ok(Some((format!("[auth]\n{key}\n{rule}"), signer)))
}

/// A token of its own for each subscriber, as a backend would make it: no two are alike.
pub(super) fn sign(signer: &Signer, number: u32) -> Result<String> {
    let claims = json!({
        "sub": format!("user-{number}"),
        "jti": format!("{number:032x}"),
        "iat": 1_700_000_000,
        "exp": EXPIRES,
        "fanfare": { "subscribe": ["c*"] },
    });
    Ok(signer.sign(&claims)?)
}

/// Runs the command that is everywhere.
fn openssl(words: &str, out: &Path, input: Option<&Path>) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).arg(out);
    if let Some(input) = input {
        command.arg("-in").arg(input);
    }
    let output = command.output().map_err(|error| format!("openssl: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("openssl: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
