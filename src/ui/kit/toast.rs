//! Short messages that say what came of an action. Each kind is told apart by its mark and title, not by colour alone.

use std::time::Duration;

use leptos::prelude::*;

use super::markup::escape;
use crate::model::outcome::Code;

/// How long a message about a failure stays. A success stays until it is put away.
const FAILURE_STAYS: Duration = Duration::from_secs(7);
/// Messages shown at once; an older failure makes room.
const MAX_TOASTS: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToastKind {
    Success,
    /// In line: the outcome follows.
    Waiting,
    /// Somebody was faster.
    Conflict,
    SoldOut,
    NotFound,
    Limit,
    Error,
}

impl ToastKind {
    pub const fn of(code: Code) -> Self {
        match code {
            Code::SeatTaken | Code::Contended => Self::Conflict,
            Code::SoldOut => Self::SoldOut,
            Code::NotFound => Self::NotFound,
            Code::LimitReached => Self::Limit,
            _ => Self::Error,
        }
    }

    /// The name used in markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Waiting => "waiting",
            Self::Conflict => "conflict",
            Self::SoldOut => "sold-out",
            Self::NotFound => "not-found",
            Self::Limit => "limit",
            Self::Error => "error",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Success => "✓",
            Self::Waiting => "⋯",
            Self::Conflict => "⇄",
            Self::SoldOut => "∅",
            Self::NotFound => "?",
            Self::Limit => "≤",
            Self::Error => "!",
        }
    }

    /// Failures interrupt; the rest waits its turn.
    const fn role(self) -> &'static str {
        match self {
            Self::Success | Self::Waiting => "status",
            _ => "alert",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Toast {
    id: u32,
    kind: ToastKind,
    title: String,
    detail: String,
}

/// The messages of one place on a page.
#[derive(Clone, Copy)]
pub struct Toasts {
    list: RwSignal<Vec<Toast>>,
    next_id: StoredValue<u32>,
}

impl Toasts {
    /// Starts with what the page itself has to say, if anything: that stays.
    pub fn new(first: Option<(ToastKind, String, String)>) -> Self {
        let toasts = Self { list: RwSignal::new(Vec::new()), next_id: StoredValue::new(0) };
        if let Some((kind, title, detail)) = first {
            toasts.add(kind, title, detail);
        }
        toasts
    }

    /// Shows a message; a failure goes away by itself. Returns what it can be put away by.
    pub fn show(self, kind: ToastKind, title: impl Into<String>, detail: impl Into<String>) -> u32 {
        let id = self.add(kind, title.into(), detail.into());
        if !matches!(kind, ToastKind::Success | ToastKind::Waiting) {
            set_timeout(move || self.dismiss(id), FAILURE_STAYS);
        }
        id
    }

    fn add(self, kind: ToastKind, title: String, detail: String) -> u32 {
        let id = self.next_id.get_value();
        self.next_id.set_value(id + 1);
        self.list.update(|list| {
            list.push(Toast { id, kind, title, detail });
            if list.len() > MAX_TOASTS {
                // The oldest failure goes first: a success must outlive what came after it.
                let oldest = list.iter().position(|toast| toast.kind != ToastKind::Success).unwrap_or(0);
                list.remove(oldest);
            }
        });
        id
    }

    pub fn dismiss(self, id: u32) {
        let _ = self.list.try_update(|list| list.retain(|toast| toast.id != id));
    }
}

/// All messages that stand now. Reactive.
pub fn draw(toasts: Toasts) -> String {
    let items: String = toasts.list.with(|list| list.iter().map(item).collect());
    format!(r#"<div class="toasts" data-live="toasts">{items}</div>"#)
}

fn item(toast: &Toast) -> String {
    let Toast { id, kind, title, detail } = toast;
    format!(
        r#"<div class="toast" data-testid="toast" data-kind="{}" role="{}" data-key="{id}"><span class="toast-mark" aria-hidden="true">{}</span><div class="toast-text"><p class="toast-title">{}</p><p class="toast-detail">{}</p></div><button type="button" class="toast-close" aria-label="Put this message away" data-do="dismiss" data-of="{id}">×</button></div>"#,
        kind.name(),
        kind.role(),
        kind.mark(),
        escape(title),
        escape(detail),
    )
}
