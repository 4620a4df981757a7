//! What the rules open to whom, in words for people.

use edge::{Rule, Scope, Who};

/// The rules as they are told, and what in them cannot be meant.
pub(crate) struct Explanation {
    pub(crate) lines: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Explanation {
    /// Explains what is open by a configuration.
    pub(crate) fn of(config: &edge::Config) -> Self {
        let access = &config.access;
        let mut lines: Vec<String> = access.rules.iter().map(line).collect();
        if access.rules.is_empty() {
            lines.push(without_rules(access.open_to_this_machine, access.open_to_tokens));
        } else {
            lines.push("all other channels: closed".to_owned());
        }
        let mut warnings = Vec::new();
        for (index, later) in access.rules.iter().enumerate() {
            if let Some(first) = access.rules[..index].iter().find(|rule| rule.scope.shadows(&later.scope)) {
                warnings.push(format!(
                    "the rule for {:?} never holds: the rule for {:?} stands before it and decides on all its \
                     channels; write the narrower one first",
                    later.scope.to_string(),
                    first.scope.to_string()
                ));
            }
        }
        let uses_tokens = access.rules.iter().any(|rule| acts(rule).any(|(_, who)| who == Who::Token));
        if !access.rules.is_empty() && access.open_to_tokens && !uses_tokens {
            warnings.push(
                "tokens are checked ([auth]), but no rule is open to \"token\": they open nothing".to_owned(),
            );
        }
        Self { lines, warnings }
    }
}

fn acts(rule: &Rule) -> impl Iterator<Item = (&'static str, Who)> {
    [("subscribe", rule.subscribe), ("publish", rule.publish), ("presence", rule.presence)].into_iter()
}

/// `user/{sub}: subscribe its owner's token, publish nobody, presence nobody`
fn line(rule: &Rule) -> String {
    let by = |who| match (who, &rule.scope) {
        (Who::Anyone, _) => "anyone",
        (Who::Token, Scope::Template(_)) => "its owner's token",
        (Who::Token, Scope::Pattern(_)) => "a token that grants it",
        (Who::Nobody, _) => "nobody",
    };
    let words: Vec<_> = acts(rule).map(|(act, who)| format!("{act} {}", by(who))).collect();
    format!("{}: {}", rule.scope, words.join(", "))
}

fn without_rules(to_this_machine: bool, to_tokens: bool) -> String {
    match (to_this_machine, to_tokens) {
        (true, true) => {
            "everything, to this machine; what comes through a proxy needs a token that grants it".to_owned()
        }
        (true, false) => "everything, to this machine; nothing to what comes through a proxy".to_owned(),
        (false, true) => "everything, to tokens that grant it; nothing without a token".to_owned(),
        (false, false) => "nothing".to_owned(),
    }
}
