//! What a look at Redis has shown, in words.

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// It works, but something will hurt or is missing.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub text: String,
    /// What to do about it, if anything; a command where there is one.
    pub remedy: Option<String>,
}

impl Diagnosis {
    pub(crate) fn new(verdict: Verdict, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn fine(text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fine, text: text.into(), remedy: None }
    }

    /// Writes it to the log, if it is not fine.
    pub(crate) fn log(&self) {
        let remedy = self.remedy.as_deref().unwrap_or_default();
        match self.verdict {
            Verdict::Fine => {}
            Verdict::Warning | Verdict::Problem => tracing::warn!(remedy, "{}", self.text),
        }
    }
}
