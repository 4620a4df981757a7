//! Who may subscribe and publish to which channels from outside.

mod act;
mod rule;
mod scope;
mod template;
#[cfg(test)]
mod tests;

use identity::Identity;
use publication::Pattern;

pub(crate) use self::act::Act;
pub use self::{
    rule::{Rule, WhenSlow, Who},
    scope::Scope,
    template::{Template, TemplateError},
};
use crate::{asker::Asker, respond::Refusal};

/// The channel rules; the first that matches decides.
#[derive(Clone, Debug)]
pub struct Access {
    /// In the order of the configuration.
    pub rules: Vec<Rule>,
    /// Without any rule, all is open to what comes from this machine: the listener is on loopback.
    pub open_to_this_machine: bool,
    /// Without any rule, all is open to those whose token opens it: there are keys to check it with.
    pub open_to_tokens: bool,
}

/// What the rules say to somebody who wants something.
/// The later, the further away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// It may.
    Open,
    /// It showed no token; another's may open it.
    NeedsToken,
    /// Its token does not open it.
    NotGranted,
    /// It is open to nobody.
    Closed,
}

impl Access {
    /// Lets a client in that asks for these.
    ///
    /// # Errors
    /// Which of them is closed to it, and how to open it.
    pub(crate) fn allow(&self, wanted: &[Pattern], asker: &Asker) -> Result<(), Refusal> {
        wanted.iter().try_for_each(|pattern| self.check(Act::Subscribe, pattern, asker))
    }

    /// Lets a client publish on a channel.
    ///
    /// # Errors
    /// It may not, and how to let it; or there is no such channel.
    pub(crate) fn allow_publish(&self, channel: &str, asker: &Asker) -> Result<(), Refusal> {
        // What is no name is told so by whoever publishes.
        let Ok(wanted) = Pattern::parse(channel) else { return Ok(()) };
        self.check(Act::Publish, &wanted, asker)
    }

    /// Lets a client take part in the presence of channels. It concerns the single ones: nobody is in all
    /// channels of a prefix.
    ///
    /// # Errors
    /// Which of them it is that it may not, and how to let it.
    pub(crate) fn allow_presence(&self, wanted: &[Pattern], asker: &Asker) -> Result<(), Refusal> {
        let mut single = wanted.iter().filter(|pattern| pattern.channel().is_some());
        single.try_for_each(|pattern| self.check(Act::Presence, pattern, asker))
    }

    /// Whether all of these may be read by anyone at all who comes from where this one does.
    pub(crate) fn is_public(&self, wanted: &[Pattern], asker: &Asker) -> bool {
        let nobody = Asker { foreign: asker.foreign, identity: None, operates: false };
        wanted.iter().all(|pattern| self.judge(Act::Subscribe, pattern, &nobody) == Verdict::Open)
    }

    fn check(&self, act: Act, wanted: &Pattern, asker: &Asker) -> Result<(), Refusal> {
        if asker.operates {
            return Ok(());
        }
        let channel = wanted.to_string();
        match self.judge(act, wanted, asker) {
            Verdict::Open => Ok(()),
            Verdict::NeedsToken => Err(Refusal::needs_token(act, &channel)),
            Verdict::NotGranted => Err(Refusal::not_granted(act, &channel)),
            Verdict::Closed => {
                let foreign = asker.foreign.filter(|_| self.rules.is_empty() && self.open_to_this_machine);
                let to = if asker.identity.is_some() { Who::Token } else { Who::Anyone };
                Err(Refusal::forbidden(act, &channel, foreign, to))
            }
        }
    }

    /// What the rules say. A pattern is open only if every rule that decides on one of its channels opens
    /// what it has of it: those that overlap it, up to the first that spans it.
    pub(crate) fn judge(&self, act: Act, wanted: &Pattern, asker: &Asker) -> Verdict {
        let identity = asker.identity.as_deref();
        if self.rules.is_empty() {
            return self.judge_without_rules(act, wanted, asker);
        }
        let judged = |rule: &Rule| judge(rule.who(act), &rule.scope, act, wanted, identity);
        match wanted {
            Pattern::Channel(name) => self.rule(name).map_or(Verdict::Closed, judged),
            Pattern::Prefix(_) => {
                let mut worst = Verdict::Open;
                for rule in self.rules.iter().filter(|rule| rule.scope.overlaps(wanted)) {
                    worst = worst.max(judged(rule));
                    if rule.scope.spans(wanted) {
                        return worst;
                    }
                }
                // No rule decides on all of the rest.
                Verdict::Closed
            }
        }
    }

    fn judge_without_rules(&self, act: Act, wanted: &Pattern, asker: &Asker) -> Verdict {
        if self.open_to_this_machine && asker.foreign.is_none() {
            return Verdict::Open;
        }
        let who = if self.open_to_tokens { Who::Token } else { Who::Nobody };
        judge(who, &Scope::Pattern(Pattern::Prefix("".into())), act, wanted, asker.identity.as_deref())
    }

    /// Whether publications on `channel` must be JSON.
    #[must_use]
    pub fn takes_json(&self, channel: &str) -> bool {
        self.rule(channel).is_some_and(|rule| rule.json)
    }

    /// Whether the latest publication on `channel` is shown to those who come.
    #[must_use]
    pub fn keeps_last(&self, channel: &str) -> bool {
        self.rule(channel).is_none_or(|rule| rule.keep_last)
    }

    /// What becomes of a session with these patterns if it cannot follow: what is strictest among the
    /// rules that may concern its channels. Only where all say so it gets the latest alone.
    #[must_use]
    pub fn when_slow(&self, patterns: &[Pattern]) -> WhenSlow {
        let of = |pattern: &Pattern| match pattern {
            Pattern::Channel(name) => self.rule(name).map(|rule| rule.when_slow),
            Pattern::Prefix(_) => {
                let overlapping = self.rules.iter().filter(|rule| rule.scope.overlaps(pattern));
                overlapping.map(|rule| rule.when_slow).max()
            }
        };
        patterns.iter().map(|pattern| of(pattern).unwrap_or(WhenSlow::Skip)).max().unwrap_or(WhenSlow::Skip)
    }

    fn rule(&self, channel: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.scope.matches(channel))
    }
}

/// What one rule says of the channels that it and `wanted` both mean.
fn judge(who: Who, scope: &Scope, act: Act, wanted: &Pattern, identity: Option<&Identity>) -> Verdict {
    match (who, identity) {
        (Who::Anyone, _) => Verdict::Open,
        (Who::Nobody, _) => Verdict::Closed,
        (Who::Token, None) => Verdict::NeedsToken,
        (Who::Token, Some(identity)) if scope.opens(wanted, identity, act.of(&identity.grants)) => {
            Verdict::Open
        }
        (Who::Token, Some(_)) => Verdict::NotGranted,
    }
}
