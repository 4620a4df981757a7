//! SIGHUP: reads the configuration again. What can change goes on differently at once, the rest is named
//! as needing a restart; if anything is wrong, all stays as it is.

use std::{path::PathBuf, rc::Rc, sync::Arc};

use edge::Edge;
use publication::Revocations;

use crate::{
    config::{self, Change, File, Problem, Settings},
    keys::Keys,
    limits::Machine,
    logs::Filter,
    manager::Manager,
    metrics::Metrics,
    readiness::Readiness,
    rules::Rules,
    serve::announce_access,
};

/// The configuration in force, and where it came from.
pub(crate) struct Configured {
    pub(crate) path: Option<PathBuf>,
    pub(crate) file: File,
    pub(crate) settings: Settings,
    pub(crate) filter: Filter,
}

/// All that goes on differently after a reload.
pub(crate) struct Reloader {
    pub(crate) configured: Configured,
    pub(crate) machine: Machine,
    pub(crate) edge: Rc<Edge>,
    pub(crate) rules: Rules,
    pub(crate) keys: Keys,
    pub(crate) revocations: Revocations,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Rc<Metrics>,
    pub(crate) manager: Manager,
}

impl Reloader {
    /// What is in force.
    pub(crate) fn settings(&self) -> &Settings {
        &self.configured.settings
    }

    /// Reads the configuration again, and says what came of it.
    pub(crate) fn reload(&mut self) {
        let told = self.readiness.has_started().then(|| self.manager.tell_reloading());
        let problems = self.take_over().err();
        self.metrics.count_reload(problems.is_none());
        if let Some(problems) = &problems {
            tracing::error!("the configuration is not valid; what was in force stays in force");
            for problem in problems {
                tracing::error!("{problem}");
            }
        }
        if told.is_some() {
            self.manager.tell_reloaded(problems.is_none());
        }
    }

    fn take_over(&mut self) -> Result<(), Vec<Problem>> {
        let (new, _) = config::read(self.configured.path.as_deref())?;
        let changes = Change::between(&self.configured.file, &new);
        let (waiting, changed): (Vec<_>, Vec<_>) = changes.into_iter().partition(Change::needs_restart);
        let file = config::without(&new, &waiting)?;
        let settings = Settings::new(&file).map_err(|problems| explain(problems, &waiting))?;
        self.apply(settings);
        self.configured.file = file;
        self.tell(&changed, &waiting);
        Ok(())
    }

    fn apply(&mut self, mut settings: Settings) {
        self.machine.complete(&mut settings.edge);
        self.keys.complete(Arc::make_mut(&mut settings.edge.auth.keyring));
        self.metrics.set_sessions_max(settings.edge.max_sessions);
        self.readiness.set_with_broker(settings.broker_readiness);
        self.revocations.set_wanted(settings.edge.auth.can_identify());
        self.rules.replace(settings.edge.access.clone());
        self.edge.reconfigure(settings.edge.clone());
        if settings.log_level != self.settings().log_level
            && let Err(error) = self.configured.filter.set(&settings.log_level)
        {
            tracing::error!(%error, "the log goes on as before");
        }
        self.configured.settings = settings;
    }

    fn tell(&self, changed: &[Change], waiting: &[Change]) {
        if changed.is_empty() {
            tracing::info!("the configuration was read again: nothing to change");
        } else {
            tracing::info!("the configuration was read again; changed: {}", join(changed));
        }
        let opens = |change: &Change| change.key == "channels" || change.key.starts_with("auth");
        if changed.iter().any(opens) {
            announce_access(&self.settings().edge);
        }
        if !waiting.is_empty() {
            tracing::warn!("this needs a restart, until then the old value holds: {}", join(waiting));
        }
    }
}

fn join(changes: &[Change]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Says that what is wrong may be so only until the restart.
fn explain(mut problems: Vec<Problem>, waiting: &[Change]) -> Vec<Problem> {
    if !waiting.is_empty() {
        let reason =
            format!("all is checked with the old values of what needs a restart, here: {}", join(waiting));
        problems.push(Problem::new("", None, reason));
    }
    problems
}
