//! Everything below the form: how far the run is, then what came of it, and the runs before it.

use leptos::prelude::*;

use super::{comparison, figures, progress, session::Session};
use crate::ui::kit::markup::escape;

/// Reactive. The message stays in the tree whatever stands around it: only so is what comes announced.
pub fn draw(session: Session) -> String {
    let is_running = session.running.get();
    let run = session.run.with(|run| match run {
        run if is_running => progress::draw(run.as_ref(), session.cancelled.get()),
        Some(run) => figures::draw(run),
        None => String::new(),
    });
    let (progress, figures) = if is_running { (run, String::new()) } else { (String::new(), run) };
    let announcement = session.announcement.with(|announcement| escape(announcement));
    let comparison = session.ended.with(|ended| comparison::draw(ended));
    format!(
        r#"<div class="simulator-run" data-live="simulator-results">{progress}<p class="simulator-note" role="status" data-key="announcement">{announcement}</p>{figures}{comparison}</div>"#
    )
}
