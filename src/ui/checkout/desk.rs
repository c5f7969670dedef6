//! The hold's time, and what is due when.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::{prelude::*, task::spawn_local, wasm_bindgen::JsCast, web_sys::HtmlDialogElement};

use super::start::{DIALOG, EXTENSION, Start};
use crate::{
    api::{self, HoldClock},
    live::{channel, clock::ServerClock},
    model::{hold::HoldStatus, ids::HoldId, pages::CHECKOUT, time::Timestamp},
    ui::kit::{
        document::{find, set},
        intent::Intents,
        seen::seen,
        toast::Toasts,
    },
};

/// How often the page asks how the hold stands while a payment is under way.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Otherwise it asks so many times less often: another page of the visitor may have extended, changed or paid the hold.
const QUIET_LOOKS: u32 = 5;
/// The shortest pause between two such questions.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// At these times before the end a screen reader is told how long it still lasts, in milliseconds.
const SPOKEN_AT_MILLISECONDS: [(i64, &str); 3] =
    [(300_000, "5 minutes left."), (120_000, "2 minutes left."), (OFFER_AT_MILLISECONDS, "1 minute left.")];
/// At this time before the end more time is offered, in milliseconds.
const OFFER_AT_MILLISECONDS: i64 = 60_000;

/// A bundle of signals, cheap to copy.
#[derive(Clone, Copy)]
pub struct Desk {
    pub hold: HoldId,
    /// The newest change of what is held that the page shows.
    pub seq: u64,
    sale: StoredValue<String>,
    clock: ServerClock,
    now: ReadSignal<Timestamp>,
    known: RwSignal<HoldClock>,
    /// Whether a step is under way.
    pub is_busy: StoredValue<bool>,
    is_looking: StoredValue<bool>,
    /// What a screen reader is told.
    pub spoken: RwSignal<String>,
    pub toasts: Toasts,
    pub intents: Intents,
}

impl Desk {
    pub fn new(Start { hold, sale, clock, told }: Start) -> Self {
        let server_clock = ServerClock::start(clock.server_now);
        Self {
            hold,
            seq: clock.seq,
            sale: StoredValue::new(sale.0),
            now: server_clock.now(),
            clock: server_clock,
            known: RwSignal::new(clock),
            is_busy: StoredValue::new(false),
            is_looking: StoredValue::new(false),
            spoken: RwSignal::new(String::new()),
            toasts: Toasts::new(told),
            intents: Intents::new(&hold.to_string()),
        }
    }

    pub fn is_live(self) -> bool {
        self.known.with_untracked(|known| known.status.is_live())
    }

    /// Milliseconds until the hold ends. Reactive.
    pub fn left(self) -> i64 {
        self.known.with(|known| known.expires_at).since(self.now.get())
    }

    fn is_paying(self) -> bool {
        self.known.with_untracked(|known| known.status == HoldStatus::Paying)
    }

    fn may_extend(self) -> bool {
        self.known.with_untracked(|known| known.status == HoldStatus::Active && known.extensions_left > 0)
    }

    pub fn extensions_left(self) -> u32 {
        self.known.with_untracked(|known| known.extensions_left)
    }

    /// Keeps the page up to date for as long as it is open. In the browser only.
    pub fn attend(self) {
        let sale = self.sale.get_value();
        channel::tell_purchase(&sale);
        if !self.is_live() {
            Intents::forget_all(&sale);
            Intents::forget_all(&self.hold.to_string());
            return;
        }
        spawn_local(async move {
            seen().await;
            // The visitor has seen what became of their choice. The same choice is another intent from now on.
            Intents::forget_all(&sale);
        });
        let passed = StoredValue::new(0_u32);
        let look = move || {
            passed.update_value(|passed| *passed += 1);
            if self.is_paying() || passed.get_value().is_multiple_of(QUIET_LOOKS) {
                self.look();
            }
        };
        if let Ok(interval) = set_interval_with_handle(look, LOOK_EVERY) {
            on_cleanup(move || interval.clear());
        }
        Effect::new(move |before: Option<i64>| {
            let left = self.left();
            untrack(|| self.watch(before.unwrap_or(left), left));
            left
        });
    }

    /// Does what is due now that so much time is left, and a moment ago it was `before`.
    fn watch(self, before: i64, left: i64) {
        let passed = |mark: i64| before > mark && left <= mark;
        if let Some((_, text)) = SPOKEN_AT_MILLISECONDS.into_iter().rfind(|(mark, _)| passed(*mark)) {
            self.spoken.set(text.to_owned());
        }
        if passed(OFFER_AT_MILLISECONDS) && self.may_extend() && !self.is_busy.get_value() {
            offer_time();
        }
        if left <= 0 {
            self.look();
        }
    }

    /// Asks how the hold stands, while it may change. A failed request changes nothing, because the next one may succeed.
    fn look(self) {
        if self.is_live() && !self.is_looking.get_value() {
            self.is_looking.set_value(true);
            spawn_local(async move {
                self.ask().await;
                // At its end the time asks again and again; so often is enough.
                sleep(LOOK_PAUSE).await;
                self.is_looking.try_set_value(false);
            });
        }
    }

    /// Asks how the hold stands, and shows it.
    pub async fn ask(self) {
        let Ok(Some(told)) = api::hold_clock(self.hold).await else { return };
        self.clock.hear(told.server_now);
        // The answer to a step that is under way tells more than this one.
        if self.is_busy.get_value() {
            return;
        }
        match told.status {
            HoldStatus::Confirmed => self.show_outcome("outcome=won"),
            // The server draws what became of it.
            status if !status.is_live() => self.show_outcome(""),
            _ if told.seq != self.seq => self.show_outcome("outcome=changed"),
            // A payment has begun, or has failed.
            status if status != self.known.with_untracked(|known| known.status) => self.show_outcome(""),
            _ => {}
        }
        let is_last = told.extensions_left == 0;
        let _ = self.known.try_set(told);
        if is_last && let Some(button) = find(&format!("#{EXTENSION} button")) {
            set(&button, "aria-disabled", Some("true"));
        }
    }

    /// Loads the hold's page again, so that the server draws what has become of it. `outcome` is the page's query.
    pub fn show_outcome(self, outcome: &str) {
        // This fails only for an address that is none.
        let _ = window().location().replace(&format!("{}?{outcome}", CHECKOUT.of(&self.hold.to_string())));
    }
}

/// The dialog that offers more time.
pub fn dialog() -> Option<HtmlDialogElement> {
    find(&format!("#{DIALOG}"))?.dyn_into().ok()
}

fn offer_time() {
    if let Some(dialog) = dialog() {
        // This fails only if it is open already.
        let _ = dialog.show_modal();
    }
}
