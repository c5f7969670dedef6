//! Signals over the view. They change at most once per animation frame, however many frames of the stream arrive.

use leptos::prelude::*;

use super::{
    clock::ServerClock,
    connection::Connection,
    reducer::{Frame, Intent, Settlement, ShownCounts, Verdict, View},
    seat_set::Repaint,
};
use crate::model::{
    frame::{Snapshot, StatusChange},
    sale::{Counts, SaleStatus},
    time::Timestamp,
};

/// Everything that the page shows of a sale, except its seats.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// In the sale's order of tiers.
    pub tiers: Vec<ShownCounts>,
    pub total: ShownCounts,
    pub status: SaleStatus,
    pub opens_at: Option<Timestamp>,
    pub message: Option<String>,
}

impl Shown {
    fn of(view: &View) -> Self {
        let tiers = view.shown_tiers();
        let total = ShownCounts {
            counts: tiers.iter().map(|tier| tier.counts).sum::<Counts>(),
            is_tentative: tiers.iter().any(|tier| tier.is_tentative),
        };
        Self {
            tiers,
            total,
            status: view.status(),
            opens_at: view.opens_at(),
            message: view.message().map(str::to_owned),
        }
    }
}

/// How well the page hears from the server, and how old its data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hearing {
    /// Whether the page listens at all. It does not on the server, nor where no script runs.
    pub is_listening: bool,
    pub connection: Connection,
    pub silence_seconds: i64,
}

/// A handle on what the browser believes about one sale. It lives as long as the page that made it.
#[derive(Clone, Copy)]
pub struct LiveStore {
    view: StoredValue<View>,
    shown: RwSignal<Shown>,
    repaint: RwSignal<Repaint>,
    hearing: RwSignal<Hearing>,
    /// Counts events that may change what the visitor owns: snapshots and purchases on other pages.
    replaced: RwSignal<u32>,
    /// Whether the visitor has bought something on another page.
    bought_elsewhere: StoredValue<bool>,
    /// Whether the other pages must still be told that the visitor has bought something here.
    owes_word: StoredValue<bool>,
    clock: ServerClock,
    is_painting_due: StoredValue<bool>,
}

impl LiveStore {
    /// Every frame and polled state corrects `clock`.
    pub fn new(view: View, clock: ServerClock) -> Self {
        let shown = Shown::of(&view);
        Self {
            view: StoredValue::new(view),
            shown: RwSignal::new(shown),
            repaint: RwSignal::new(Repaint::Some(Default::default())),
            hearing: RwSignal::new(Hearing {
                is_listening: false,
                connection: Connection::Reconnecting,
                silence_seconds: 0,
            }),
            replaced: RwSignal::new(0),
            bought_elsewhere: StoredValue::new(false),
            owes_word: StoredValue::new(false),
            clock,
            is_painting_due: StoredValue::new(false),
        }
    }

    /// Reads the view as it is now, without waiting for the next painting.
    pub fn read<T>(self, read: impl FnOnce(&View) -> T) -> T {
        self.view.with_value(read)
    }

    pub fn shown(self) -> ReadSignal<Shown> {
        self.shown.read_only()
    }

    /// Seats to paint again. Each change appears once.
    pub fn repaint(self) -> ReadSignal<Repaint> {
        self.repaint.read_only()
    }

    pub fn hearing(self) -> ReadSignal<Hearing> {
        self.hearing.read_only()
    }

    pub fn replaced(self) -> ReadSignal<u32> {
        self.replaced.read_only()
    }

    /// Whether the visitor has bought something on another page.
    pub fn bought_elsewhere(self) -> bool {
        self.bought_elsewhere.get_value()
    }

    /// The visitor has bought something here: the next beat tells the other pages.
    pub fn tell_purchase(self) {
        self.owes_word.try_set_value(true);
    }

    /// Whether the visitor has bought something here since the last call.
    pub fn take_purchase(self) -> bool {
        let owes_word = self.owes_word.try_get_value() == Some(true);
        self.owes_word.try_set_value(false);
        owes_word
    }

    /// The visitor has bought something on another page.
    pub fn hear_purchase(self) {
        self.bought_elsewhere.try_set_value(true);
        let _ = self.replaced.try_update(|replaced| *replaced += 1);
    }

    pub fn apply(self, frame: Frame) -> Verdict {
        if let Some(at) = frame.at() {
            self.clock.hear(at);
        }
        let is_snapshot = matches!(frame, Frame::Snapshot(_));
        self.fold(is_snapshot, |view| view.apply(frame))
    }

    pub fn apply_polled(self, snapshot: Snapshot, announced: StatusChange) -> Verdict {
        self.clock.hear(snapshot.at);
        // In a polled state a reset shows only as units that are available again.
        let is_replacement = self.read(|view| view.seats() != snapshot.seats.len() || view.gets_back(&snapshot.tiers));
        self.fold(is_replacement, |view| view.apply_polled(snapshot, announced))
    }

    fn fold(self, is_replacement: bool, fold: impl FnOnce(&mut View) -> Verdict) -> Verdict {
        let verdict = self.view.try_update_value(fold).unwrap_or(Verdict::Stale);
        if is_replacement && verdict == Verdict::Applied {
            self.replaced.update(|replaced| *replaced += 1);
        }
        self.paint_soon();
        verdict
    }

    pub fn intend(self, intent: Intent) -> u64 {
        let id = self.view.try_update_value(|view| view.intend(intent)).unwrap_or_default();
        self.paint_soon();
        id
    }

    pub fn settle(self, id: u64, settlement: Settlement) {
        self.view.try_update_value(|view| view.settle(id, settlement));
        self.paint_soon();
    }

    pub fn set_owned(self, seats: &[u32]) {
        self.view.try_update_value(|view| view.set_owned(seats));
        self.paint_soon();
    }

    pub fn set_hearing(self, hearing: Hearing) {
        if self.hearing.try_get_untracked().is_some_and(|known| known != hearing) {
            self.hearing.set(hearing);
        }
    }

    fn paint_soon(self) {
        if self.is_painting_due.try_get_value() == Some(false) {
            self.is_painting_due.set_value(true);
            request_animation_frame(move || self.paint());
        }
    }

    fn paint(self) {
        self.is_painting_due.try_set_value(false);
        let painted = self.view.try_update_value(|view| (Shown::of(view), view.take_repaint()));
        // The visitor may have left the page since the animation frame was requested.
        let Some((shown, repaint)) = painted else { return };
        if self.shown.try_get_untracked().is_some_and(|known| known != shown) {
            self.shown.set(shown);
        }
        if !repaint.is_empty() {
            self.repaint.set(repaint);
        }
    }
}
