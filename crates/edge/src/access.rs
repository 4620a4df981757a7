//! Who may subscribe and publish to which channels from outside.

use publication::Pattern;

use crate::respond::Refusal;

/// The channel rules; the first that matches decides.
#[derive(Clone, Debug)]
pub struct Access {
    /// In the order of the configuration.
    pub rules: Vec<Rule>,
    /// Without any rule on a loopback listener, all is open to what comes from this machine.
    pub open_without_rules: bool,
}

/// What holds for the channels that a pattern means.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The channels.
    pub pattern: Pattern,
    /// Who may subscribe.
    pub subscribe: Who,
    /// Who may be told who is there, and be there for others.
    pub presence: Who,
    /// Who may publish over HTTP.
    pub publish: Who,
    /// Publications must be JSON.
    pub json: bool,
    /// What becomes of a session that cannot follow.
    pub when_slow: WhenSlow,
    /// The latest publication is shown to those who come.
    pub keep_last: bool,
}

/// What becomes of a session that reads more slowly than is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenSlow {
    /// As long as it is behind, it gets only the latest publication of each channel.
    Latest,
    /// What can no longer be had is told as a gap, and it goes on.
    Skip,
    /// It ends when something it is owed can no longer be had from memory.
    Close,
}

/// To whom something is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everyone who can reach the gateway.
    Anyone,
    /// No one.
    Nobody,
}

/// What a rule opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Subscribe,
    Publish,
    Presence,
}

impl Act {
    /// Its key in a rule.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Presence => "presence",
        }
    }

    /// As one does it, before the channel.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe to",
            Self::Publish => "publish to",
            Self::Presence => "be present in",
        }
    }
}

impl Who {
    /// The word in configuration and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Nobody => "nobody",
        }
    }
}

impl Access {
    /// Whether a session may ask for `wanted`. A pattern is allowed only if some rule covers it and
    /// every rule that overlaps it allows it.
    #[must_use]
    pub fn may_subscribe(&self, wanted: &Pattern, foreign: bool) -> bool {
        if self.rules.is_empty() {
            return self.open_without_rules && !foreign;
        }
        match wanted {
            Pattern::Channel(name) => self.rule(name).is_some_and(|rule| rule.subscribe == Who::Anyone),
            Pattern::Prefix(_) => {
                let mut overlapping = self.rules.iter().filter(|rule| rule.pattern.overlaps(wanted));
                let covered = self.rules.iter().any(|rule| rule.pattern.covers(wanted));
                covered && overlapping.all(|rule| rule.subscribe == Who::Anyone)
            }
        }
    }

    /// Lets a client in that asks for these. One that is `foreign`, for this reason, is not from this
    /// machine.
    ///
    /// # Errors
    /// Which of them is closed to it, and how to open it.
    pub(crate) fn allow(&self, wanted: &[Pattern], foreign: Option<&str>) -> Result<(), Refusal> {
        let foreign = foreign.filter(|_| self.rules.is_empty());
        match wanted.iter().find(|pattern| !self.may_subscribe(pattern, foreign.is_some())) {
            None => Ok(()),
            Some(pattern) => Err(Refusal::forbidden(Act::Subscribe, &pattern.to_string(), foreign)),
        }
    }

    /// Lets a client publish on a channel; as [`Access::allow`].
    ///
    /// # Errors
    /// It may not, and how to let it.
    pub(crate) fn allow_publish(&self, channel: &str, foreign: Option<&str>) -> Result<(), Refusal> {
        let foreign = foreign.filter(|_| self.rules.is_empty());
        if self.may_publish(channel, foreign.is_some()) {
            return Ok(());
        }
        Err(Refusal::forbidden(Act::Publish, channel, foreign))
    }

    /// Whether one may publish on `channel` from outside.
    #[must_use]
    pub fn may_publish(&self, channel: &str, foreign: bool) -> bool {
        if self.rules.is_empty() {
            return self.open_without_rules && !foreign;
        }
        self.rule(channel).is_some_and(|rule| rule.publish == Who::Anyone)
    }

    /// Lets a client take part in the presence of a channel; as [`Access::allow`].
    ///
    /// # Errors
    /// It may not, and how to let it.
    pub(crate) fn allow_presence(&self, channel: &str, foreign: Option<&str>) -> Result<(), Refusal> {
        let foreign = foreign.filter(|_| self.rules.is_empty());
        let is_open = match self.rule(channel) {
            Some(rule) => rule.presence == Who::Anyone,
            None => self.rules.is_empty() && self.open_without_rules && foreign.is_none(),
        };
        if is_open { Ok(()) } else { Err(Refusal::forbidden(Act::Presence, channel, foreign)) }
    }

    /// The same for several. It concerns the single channels: nobody is in all channels of a prefix.
    ///
    /// # Errors
    /// Which of them it is that it may not, and why.
    pub(crate) fn allow_presence_in(&self, wanted: &[Pattern], foreign: Option<&str>) -> Result<(), Refusal> {
        let mut single = wanted.iter().filter_map(Pattern::channel);
        single.try_for_each(|channel| self.allow_presence(channel, foreign))
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
                let overlapping = self.rules.iter().filter(|rule| rule.pattern.overlaps(pattern));
                overlapping.map(|rule| rule.when_slow).max()
            }
        };
        patterns.iter().map(|pattern| of(pattern).unwrap_or(WhenSlow::Skip)).max().unwrap_or(WhenSlow::Skip)
    }

    fn rule(&self, channel: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.pattern.matches(channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(rules: &[(&str, Who)]) -> Access {
        let rule = |(pattern, subscribe): &(&str, Who)| Rule {
            pattern: Pattern::parse(pattern).unwrap(),
            subscribe: *subscribe,
            presence: Who::Nobody,
            publish: Who::Nobody,
            json: false,
            when_slow: WhenSlow::Skip,
            keep_last: true,
        };
        Access { rules: rules.iter().map(rule).collect(), open_without_rules: true }
    }

    #[test]
    fn the_first_matching_rule_decides_and_a_pattern_needs_all_of_them() {
        let access = access(&[
            ("secret/*", Who::Nobody),
            ("monitors/private", Who::Nobody),
            ("monitors/*", Who::Anyone),
            ("news", Who::Anyone),
        ]);
        let check = |wanted, expected| {
            assert_eq!(access.may_subscribe(&Pattern::parse(wanted).unwrap(), false), expected, "{wanted}");
        };
        check("news", true);
        check("other", false);
        check("secret/x", false);
        check("monitors/1", true);
        check("monitors/private", false);
        check("monitors/*", false);
        check("monitors/p*", false);
        check("monitors/q*", true);
        check("news*", false);
        check("*", false);
    }

    #[test]
    fn without_rules_all_is_open_unless_it_came_through_a_proxy() {
        let access = access(&[]);
        assert!(access.may_subscribe(&Pattern::parse("*").unwrap(), false));
        assert!(!access.may_subscribe(&Pattern::parse("a").unwrap(), true));
        assert!(access.may_publish("a", false) && !access.may_publish("a", true));
    }
}
