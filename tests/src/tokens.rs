//! Tokens as an issuer would sign them, and as somebody would who is none.

use std::{
    fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign, jwk::Jwk};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Somebody with a key.
pub struct Issuer {
    algorithm: Algorithm,
    key: EncodingKey,
    folder: TempDir,
    key_id: Option<String>,
}

impl Issuer {
    /// One that signs with a secret.
    ///
    /// # Panics
    /// There is no temporary folder.
    #[must_use]
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { algorithm, key: EncodingKey::from_secret(secret), folder, key_id: None }
    }

    /// One that signs with the private half of a pair, which is made by the `openssl` command.
    ///
    /// # Panics
    /// The command fails.
    #[must_use]
    pub fn pair(algorithm: Algorithm) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let kind = match algorithm {
            Algorithm::ES256 => "EC -pkeyopt ec_paramgen_curve:P-256",
            Algorithm::ES384 => "EC -pkeyopt ec_paramgen_curve:P-384",
            Algorithm::EdDSA => "ED25519",
            _ => "RSA -pkeyopt rsa_keygen_bits:2048",
        };
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            let output = command.args(arguments.split_whitespace()).current_dir(folder.path()).output();
            let output = output.expect("openssl is installed");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        openssl(&format!("genpkey -algorithm {kind} -out key.pem"));
        openssl("pkey -in key.pem -pubout -out public.pem");
        let pem = fs::read(folder.path().join("key.pem")).expect("it was written");
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(&pem),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(&pem),
            _ => EncodingKey::from_rsa_pem(&pem),
        };
        Self { algorithm, key: key.expect("openssl writes keys"), folder, key_id: None }
    }

    /// The same, with a name for its key.
    #[must_use]
    pub fn named(self, key_id: &str) -> Self {
        Self { key_id: Some(key_id.to_owned()), ..self }
    }

    /// The file of its public key.
    #[must_use]
    pub fn public_key_file(&self) -> String {
        self.folder.path().join("public.pem").to_string_lossy().into_owned()
    }

    /// The file of its private key.
    #[must_use]
    pub fn private_key_file(&self) -> String {
        self.folder.path().join("key.pem").to_string_lossy().into_owned()
    }

    /// Its public key, as a set of keys has it.
    ///
    /// # Panics
    /// It signs with a secret.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a pair");
        let mut jwk = serde_json::to_value(jwk).expect("it is JSON");
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = json!(key_id);
        }
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with these claims.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let mut header = json!({"typ": "JWT", "alg": format!("{:?}", self.algorithm)});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        self.token_as(&header, claims)
    }

    /// A token with this header, whatever it says, signed as this issuer signs.
    ///
    /// # Panics
    /// It cannot be signed.
    #[must_use]
    pub fn token_as(&self, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        let signature = sign(text.as_bytes(), &self.key, self.algorithm).expect("it can be signed");
        format!("{text}.{signature}")
    }
}

/// A header and a payload, without a signature.
#[must_use]
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// So many seconds from now, as tokens tell times.
///
/// # Panics
/// It is before 1970.
#[must_use]
pub fn in_seconds(seconds: f64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    now.as_secs_f64() + seconds
}
