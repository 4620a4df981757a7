//! The rules against tables, and against what they would say of each channel alone.

use std::sync::Arc;

use identity::Grants;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::asker::Foreign;

fn rule(scope: &str, who: Who) -> Rule {
    let scope = match Template::is_one(scope) {
        true => Scope::Template(scope.parse().unwrap()),
        false => Scope::Pattern(pattern(scope)),
    };
    Rule {
        scope,
        subscribe: who,
        presence: Who::Nobody,
        publish: Who::Nobody,
        json: false,
        when_slow: WhenSlow::Skip,
        keep_last: true,
    }
}

fn access(rules: &[(&str, Who)]) -> Access {
    let rules = rules.iter().map(|(scope, who)| rule(scope, *who)).collect();
    Access { rules, open_to_this_machine: true, open_to_tokens: true }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

const NOBODY: Asker = Asker { foreign: None, identity: None, operates: false };

fn bearer(subject: &str, grants: &[&str]) -> Asker {
    let grants = Grants {
        subscribe: grants.iter().map(|text| pattern(text)).collect(),
        publish: [].into(),
        console: false,
    };
    let claims = [("tenant".into(), "acme".into())].into();
    let identity = Identity { subject: Some(subject.into()), grants, claims, ..Identity::default() };
    Asker { foreign: None, identity: Some(Arc::new(identity)), operates: false }
}

fn check(access: &Access, asker: &Asker, wanted: &str, expected: Verdict) {
    assert_eq!(access.judge(Act::Subscribe, &pattern(wanted), asker), expected, "{wanted} {asker:?}");
}

#[test]
fn the_first_matching_rule_decides_and_a_pattern_needs_all_of_them() {
    let access = access(&[
        ("secret/*", Who::Nobody),
        ("monitors/private", Who::Nobody),
        ("monitors/*", Who::Anyone),
        ("news", Who::Anyone),
    ]);
    let check = |wanted, open| {
        check(&access, &NOBODY, wanted, if open { Verdict::Open } else { Verdict::Closed });
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
fn a_token_opens_what_it_grants_and_nothing_wider() {
    let access = access(&[("open/*", Who::Anyone), ("closed/*", Who::Nobody), ("*", Who::Token)]);
    let asker = bearer("42", &["a/*", "b", "closed/*"]);
    for (wanted, expected) in [
        ("a/1", Verdict::Open),
        ("a/*", Verdict::Open),
        ("a/b*", Verdict::Open),
        ("b", Verdict::Open),
        ("ab", Verdict::NotGranted),
        ("a", Verdict::NotGranted),
        ("a*", Verdict::NotGranted),
        ("b*", Verdict::NotGranted),
        ("b/1", Verdict::NotGranted),
        ("closed/1", Verdict::Closed),
        ("closed/*", Verdict::Closed),
        ("open/1", Verdict::Open),
        ("open/*", Verdict::Open),
        ("*", Verdict::Closed),
    ] {
        check(&access, &asker, wanted, expected);
    }
    check(&access, &NOBODY, "a/1", Verdict::NeedsToken);
    check(&access, &NOBODY, "a/*", Verdict::NeedsToken);
    check(&access, &NOBODY, "closed/1", Verdict::Closed);
}

#[test]
fn what_belongs_to_somebody_is_open_to_its_owner_alone() {
    let access =
        access(&[("user/{sub}", Who::Token), ("tenant/{claim.tenant}/*", Who::Token), ("*", Who::Token)]);
    let asker = bearer("42", &["user/*", "tenant/*"]);
    for (wanted, expected) in [
        ("user/42", Verdict::Open),
        ("user/43", Verdict::NotGranted),
        ("user/4*", Verdict::NotGranted),
        ("user/42*", Verdict::NotGranted),
        ("user/*", Verdict::NotGranted),
        ("user/42/inbox", Verdict::Open),
        ("user/43/inbox", Verdict::Open),
        ("tenant/acme/1", Verdict::Open),
        ("tenant/acme/a/b", Verdict::Open),
        ("tenant/acme/*", Verdict::Open),
        ("tenant/acme/a*", Verdict::Open),
        ("tenant/acme*", Verdict::NotGranted),
        ("tenant/acm/1", Verdict::NotGranted),
        ("tenant/evil/1", Verdict::NotGranted),
    ] {
        check(&access, &asker, wanted, expected);
    }
    check(&access, &NOBODY, "user/42", Verdict::NeedsToken);
    check(&access, &NOBODY, "tenant/acme/*", Verdict::NeedsToken);
    for subject in ["", "*", "4*", "a/b", "42/", "\n", &"x".repeat(255)] {
        check(&access, &bearer(subject, &[]), "user/42", Verdict::NotGranted);
        check(&access, &bearer(subject, &[]), "user/*", Verdict::NotGranted);
    }
}

#[test]
fn without_rules_all_is_open_to_this_machine_and_else_to_tokens() {
    let mut access = access(&[]);
    let proxied = |asker: Asker| Asker { foreign: Some(Foreign::Proxied), ..asker };
    check(&access, &NOBODY, "*", Verdict::Open);
    check(&access, &proxied(NOBODY), "a", Verdict::NeedsToken);
    check(&access, &proxied(bearer("1", &["a*"])), "a/*", Verdict::Open);
    check(&access, &proxied(bearer("1", &["a*"])), "*", Verdict::NotGranted);
    access.open_to_tokens = false;
    check(&access, &proxied(NOBODY), "a", Verdict::Closed);
    access.open_to_this_machine = false;
    check(&access, &NOBODY, "a", Verdict::Closed);
}

#[test]
fn what_is_no_template_is_told_why() {
    for (text, expected) in [
        ("user/{sub", TemplateError::Brace),
        ("user/sub}", TemplateError::Brace),
        ("user/{{sub}}", TemplateError::Brace),
        ("user/{name}", TemplateError::Claim),
        ("user/{claim.}", TemplateError::Claim),
        ("user/{sub}*", TemplateError::Open),
        ("user/{sub}-{claim.a}", TemplateError::Open),
        ("{sub}{sub}", TemplateError::Open),
        ("@{sub}", TemplateError::Name),
        ("a*/{sub}", TemplateError::Name),
    ] {
        assert_eq!(text.parse::<Template>(), Err(expected), "{text}");
    }
    let template: Template = "a-{sub}/{claim.b.c}/*".parse().unwrap();
    assert_eq!(template.claims().collect::<Vec<_>>(), ["b.c"]);
    assert_eq!(template.to_string(), "a-{sub}/{claim.b.c}/*");
}

#[test]
fn a_rule_that_never_holds_is_found() {
    let shadows =
        |first: &str, later: &str| rule(first, Who::Token).scope.shadows(&rule(later, Who::Token).scope);
    assert!(shadows("*", "a") && shadows("a/*", "a/b*") && shadows("a", "a"));
    assert!(shadows("user/*", "user/{sub}") && shadows("user/{sub}", "user/42"));
    assert!(shadows("{sub}/*", "{claim.a}/b") && shadows("a/{sub}", "a/{claim.x}"));
    assert!(!shadows("a", "a*") && !shadows("user/{sub}", "user/*") && !shadows("user/x*", "user/{sub}"));
    assert!(!shadows("user/{sub}", "user/{sub}/*"));
}

/// Names so short that all can be tried.
fn names() -> Vec<String> {
    let letters = ["a", "b", "/"];
    let mut names: Vec<String> = vec![String::new()];
    let mut longest = names.clone();
    for _ in 0..4 {
        longest = longest.iter().flat_map(|name| letters.map(|letter| format!("{name}{letter}"))).collect();
        names.extend(longest.clone());
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

proptest! {
    #[test]
    fn an_open_pattern_has_no_closed_channel(
        rules in vec(
            (select(vec!["*", "a*", "a/*", "b/*", "a", "b/a", "a/{sub}", "{sub}/*", "a/{claim.tenant}/*"]),
             select(vec![Who::Token, Who::Token, Who::Anyone, Who::Nobody])),
            1..4),
        grants in vec(select(vec!["*", "a*", "a/*", "ab", "b/*", "a/a*", "b"]), 0..3),
        wanted in select(vec!["*", "a*", "a/*", "b/*", "a/a*", "a/b/*", "ab*", "b*"]),
        subject in select(vec!["a", "b", "ab", "*", ""]),
        shows in any::<bool>(),
    ) {
        // With claims it is open to tokens or to nobody; the configuration sees to that.
        let rules = rules.into_iter().map(|(scope, who)| {
            (scope, if Template::is_one(scope) && who == Who::Anyone { Who::Token } else { who })
        });
        let access = access(&rules.collect::<Vec<_>>());
        let asker = if shows { bearer(subject, &grants) } else { NOBODY };
        let wanted = pattern(wanted);
        if access.judge(Act::Subscribe, &wanted, &asker) == Verdict::Open {
            for name in names().iter().filter(|name| wanted.matches(name)) {
                prop_assert_eq!(access.judge(Act::Subscribe, &pattern(name), &asker), Verdict::Open, "{}", name);
            }
        }
    }
}
