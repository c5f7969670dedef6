//! Keeps a page in touch with its sale: by a stream of its own, by what the page that leads passes on, or by polls. It
//! watches for silence, tries again with growing waits, and lets the stream go while nobody looks.

use std::{cell::RefCell, rc::Rc};

use gloo_timers::callback::Interval;
use leptos::{prelude::*, task::spawn_local};

use super::{
    census::Census,
    channel::{self, Channel},
    clock::stopwatch,
    locks::{Hold, Locks, Manner},
    reducer::Verdict,
    source::{Heard, Source, parse},
    state::State,
    store::LiveStore,
    turn::{Lead, Turn, Wish},
};
use crate::{api, model::ids::SaleId};

/// Time between two looks at what is due. A page that leads tells the others as often that it is there.
const WATCH_MILLISECONDS: u32 = 250;

/// Listens for as long as it lives.
pub struct Link {
    _watch: Interval,
    _shared: Rc<Shared>,
}

/// What all that is heard or due works on.
struct Shared {
    sale: SaleId,
    store: LiveStore,
    locks: Option<Locks>,
    channel: Option<Channel>,
    state: RefCell<State<Source, Hold>>,
}

impl Link {
    /// To be called in the browser only, in an effect.
    pub fn start(sale: SaleId, store: LiveStore) -> Self {
        let shared = Rc::new_cyclic(|shared: &std::rc::Weak<Shared>| {
            let listener = shared.clone();
            let channel = Channel::join(move |message| {
                if let Some(shared) = listener.upgrade() {
                    hear_page(&shared, message);
                }
            });
            // Without a channel there is nobody to follow.
            let locks = channel.is_some().then(Locks::of_browser).flatten();
            let turn = match locks {
                Some(_) => Turn::Locks(Lead::new()),
                None => Turn::Census(Census::new(chance())),
            };
            Shared { sale, store, locks, channel, state: RefCell::new(State::new(stopwatch(), turn)) }
        });
        look(&shared);
        let watched = Rc::downgrade(&shared);
        // A page that is put out of view gives the lead away at once; one that comes back asks at once. The listener stays
        // for as long as the document does.
        let _ = window_event_listener_untyped("visibilitychange", move |_| {
            if let Some(shared) = watched.upgrade() {
                look(&shared);
            }
        });
        let told = Rc::clone(&shared);
        Effect::new(move |before: Option<u32>| {
            let purchases = store.purchases().get();
            if before.is_some_and(|before| before != purchases) {
                tell(&told, channel::PURCHASE, "");
            }
            purchases
        });
        let watched = Rc::clone(&shared);
        let watch = Interval::new(WATCH_MILLISECONDS, move || {
            watched.state.borrow_mut().turn.tick();
            look(&watched);
            beat(&watched);
        });
        Self { _watch: watch, _shared: shared }
    }
}

/// Does what is due.
fn look(shared: &Rc<Shared>) {
    let (now, is_hidden) = (stopwatch(), document().hidden());
    let due = shared.state.borrow_mut().due(now, is_hidden);
    if let Some(wish) = due.wish {
        ask(shared, wish);
    }
    if due.stream {
        open(shared, now);
    }
    if due.poll {
        poll(shared);
    }
    shared.store.set_hearing(shared.state.borrow().hearing(now));
}

/// Asks for a lock. What comes of it is told later, never at once.
fn ask(shared: &Rc<Shared>, wish: Wish) {
    let Some(locks) = &shared.locks else { return };
    let (name, manner) = match wish {
        Wish::Lead(manner) => (format!("onsale {}", shared.sale), manner),
        Wish::Slot(slot) => (format!("onsale stream {slot}"), Manner::Try),
    };
    let asked = Rc::downgrade(shared);
    locks.ask(&name, manner, move |answer| {
        if let Some(shared) = asked.upgrade() {
            shared.state.borrow_mut().answer(wish, answer, document().hidden(), stopwatch());
            look(&shared);
            beat(&shared);
        }
    });
}

/// Tells the pages that follow that this one is there and where it stands, or the pages without locks that it has a stream.
fn beat(shared: &Shared) {
    let state = shared.state.borrow();
    if state.turn.leads() {
        let position = state.speaks.then(|| shared.store.read(|view| view.seq().to_string()));
        tell(shared, channel::BEAT, &position.unwrap_or_default());
    } else if state.source.is_some()
        && let Some(number) = state.turn.number()
    {
        tell(shared, channel::VIEWER, &number.to_string());
    }
}

fn tell(shared: &Shared, kind: &str, text: &str) {
    if let Some(channel) = &shared.channel {
        channel.tell(kind, shared.sale.as_str(), text);
    }
}

/// Another page of this browser has told something.
fn hear_page(shared: &Rc<Shared>, message: &str) {
    let Some((kind, sale, text)) = channel::read(message) else { return };
    if kind == channel::VIEWER {
        if let Ok(number) = text.parse() {
            shared.state.borrow_mut().turn.hear_viewer(number);
        }
        return;
    }
    if sale != shared.sale.as_str() {
        return;
    }
    if kind == channel::PURCHASE {
        shared.store.hear_purchase();
        return;
    }
    if !shared.state.borrow().turn.follows() {
        return;
    }
    shared.state.borrow_mut().turn.hear_leader();
    if kind == channel::BEAT {
        let stands_at = shared.store.read(|view| view.seq());
        shared.state.borrow_mut().hear_beat(text.parse().ok(), stands_at, stopwatch());
    } else {
        take(shared, kind, text);
    }
    look(shared);
}

fn open(shared: &Rc<Shared>, now: i64) {
    let (address, generation) = {
        let mut state = shared.state.borrow_mut();
        let address = address(shared, state.needs_snapshot);
        (address, state.begin_stream(now))
    };
    let listener = Rc::downgrade(shared);
    let source = Source::open(&address, move |heard| {
        if let Some(shared) = listener.upgrade()
            && shared.state.borrow().generation == generation
        {
            hear(&shared, heard);
        }
    });
    let mut state = shared.state.borrow_mut();
    if source.is_none() {
        state.fail(now, chance());
    }
    state.source = source;
}

/// Where the stream goes on from what the page knows, or begins anew.
fn address(shared: &Shared, begins_anew: bool) -> String {
    let stream = format!("/api/v1/sales/{}/stream", shared.sale);
    if begins_anew {
        return stream;
    }
    shared.store.read(|view| format!("{stream}?since={}&epoch={}", view.seq(), view.epoch()))
}

/// The stream has told something.
fn hear(shared: &Rc<Shared>, heard: Heard) {
    match heard {
        Heard::Ended => {
            shared.state.borrow_mut().fail(stopwatch(), chance());
            beat(shared);
        }
        Heard::Opened => {
            shared.state.borrow_mut().hear(stopwatch());
            beat(shared);
        }
        Heard::Event { name, text } => {
            if shared.state.borrow().turn.leads() {
                tell(shared, name, &text);
            }
            take(shared, name, &text);
        }
    }
    look(shared);
}

/// Folds in what the stream has told, to this page or to the one that leads.
fn take(shared: &Shared, name: &str, text: &str) {
    let frame = parse(name, text);
    let is_snapshot = name == "snapshot";
    let verdict = frame.map_or(Verdict::NeedsSnapshot, |frame| shared.store.apply(frame));
    let now = stopwatch();
    let mut state = shared.state.borrow_mut();
    state.hear(now);
    state.judge(verdict, is_snapshot, now);
}

fn poll(shared: &Rc<Shared>) {
    let sale = shared.sale.clone();
    // Weak: a poll that is under way must not keep a page alive that has been left.
    let shared = Rc::downgrade(shared);
    spawn_local(async move {
        let answer = api::snapshot(sale).await;
        let Some(shared) = shared.upgrade() else { return };
        let verdict = answer.ok().flatten().map(|(snapshot, announced)| shared.store.apply_polled(snapshot, announced));
        shared.state.borrow_mut().hear_poll(verdict, stopwatch());
        look(&shared);
    });
}

/// Any number.
fn chance() -> u32 {
    let [.., first, second, third, fourth] = uuid::Uuid::now_v7().into_bytes();
    u32::from_be_bytes([first, second, third, fourth])
}
