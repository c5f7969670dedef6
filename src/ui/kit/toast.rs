//! Short messages about the result of an action. The kinds differ by mark and title, not by colour alone.

use std::time::Duration;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::document::{BUY, MAIN, hand_focus_on};
use crate::model::outcome::Code;

/// How long a message about a failure stays. A message about a success or a purchase in line does not disappear by itself.
const FAILURE_STAYS: Duration = Duration::from_secs(7);
/// The most messages that are shown at once. If one more comes, the oldest message that is not a success is removed. If
/// all are successes, the oldest is removed.
const MAX_TOASTS: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToastKind {
    Success,
    /// The purchase is in line. Its outcome follows.
    Waiting,
    /// Another buyer was faster.
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

    /// The ARIA role. A screen reader interrupts itself to read a failure (`alert`), and reads other messages when it
    /// has finished (`status`).
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
    /// Starts with the page's own message, if there is one. That message stays until the visitor closes it.
    pub fn new(first: Option<(ToastKind, String, String)>) -> Self {
        let toasts = Self { list: RwSignal::new(Vec::new()), next_id: StoredValue::new(0) };
        if let Some((kind, title, detail)) = first {
            toasts.add(kind, title, detail);
        }
        toasts
    }

    /// Shows a message. A failure disappears after `FAILURE_STAYS`. Returns the number with which `dismiss` removes the
    /// message.
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
                // An older message makes room for the new one. A success must not be pushed out by failures, so older
                // messages of other kinds go first.
                let older = &list[..MAX_TOASTS];
                let oldest = older.iter().position(|toast| toast.kind != ToastKind::Success).unwrap_or(0);
                list.remove(oldest);
            }
        });
        id
    }

    pub fn dismiss(self, id: u32) {
        hand_focus_on(&format!("#message-{id}"), &[BUY, MAIN]);
        let _ = self.list.try_update(|list| list.retain(|toast| toast.id != id));
    }
}

/// All messages that are shown now.
#[component]
pub fn ToastList(toasts: Toasts) -> impl IntoView {
    view! {
        <div class="toasts">
            <For each=move || toasts.list.get() key=|toast| toast.id let(toast)>
                <Message toasts toast />
            </For>
        </div>
    }
}

#[component]
fn Message(toasts: Toasts, toast: Toast) -> impl IntoView {
    let Toast { id, kind, title, detail } = toast;
    view! {
        <div class="toast" id=format!("message-{id}") data-testid="toast" data-kind=kind.name() role=kind.role()>
            <span class="toast-mark" aria-hidden="true">{kind.mark()}</span>
            <div class="toast-text">
                <p class="toast-title">{title}</p>
                <p class="toast-detail">{detail}</p>
            </div>
            <button type="button" class="toast-close script-only" aria-label="Close this message"
                on:click=move |_| toasts.dismiss(id)>
                "×"
            </button>
        </div>
    }
}
