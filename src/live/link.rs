//! Keeps a page up to date with its sale: by a stream of its own, by the frames that the leading page passes on, or by
//! polls. It watches for silence, reconnects with growing waits, and closes the stream while the page is hidden.

use std::{cell::RefCell, rc::Rc};

use gloo_timers::callback::Interval;
use leptos::{
    prelude::*,
    task::spawn_local,
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::Event,
};

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

/// How often a page checks what is due. The leading page tells the others just as often that it is there.
const WATCH_MILLISECONDS: u32 = 250;

/// Keeps the page up to date until it is dropped.
pub struct Link {
    _watch: Interval,
    _listener: Closure<dyn Fn(Event)>,
    _shared: Rc<Shared>,
}

/// What the listeners, timers and tasks of one page share.
struct Shared {
    sale: SaleId,
    store: LiveStore,
    locks: Option<Locks>,
    channel: RefCell<Option<Channel>>,
    state: RefCell<State<Source, Hold>>,
}

impl Link {
    /// Call this in the browser only, inside an effect.
    pub fn start(sale: SaleId, store: LiveStore) -> Self {
        let locks = Locks::of_browser();
        let alone = Turn::Census(Census::new(chance()));
        let state = RefCell::new(State::new(stopwatch(), alone));
        let shared = Rc::new(Shared { sale, store, locks, channel: RefCell::new(None), state });
        let listener = Rc::downgrade(&shared);
        let channel = Channel::join(move |message| {
            if let Some(shared) = listener.upgrade() {
                hear_page(&shared, message);
            }
        });
        // Locks are of use only with a channel, because a page that follows hears frames through it.
        if channel.is_some() && shared.locks.is_some() {
            shared.state.borrow_mut().turn = Turn::Locks(Lead::new());
        }
        *shared.channel.borrow_mut() = channel;
        look(&shared);
        let watched = Rc::downgrade(&shared);
        // A page gives up the lead as soon as it is hidden, and asks the server as soon as it is visible again.
        let listener = Closure::<dyn Fn(Event)>::new(move |_: Event| {
            if let Some(shared) = watched.upgrade() {
                look(&shared);
            }
        });
        let _ = document().add_event_listener_with_callback("visibilitychange", listener.as_ref().unchecked_ref());
        let watched = Rc::clone(&shared);
        let watch = Interval::new(WATCH_MILLISECONDS, move || {
            watched.state.borrow_mut().turn.tick();
            look(&watched);
            beat(&watched);
        });
        Self { _watch: watch, _listener: listener, _shared: shared }
    }
}

/// Does whatever is due now.
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

/// Asks for a lock. The answer comes later, never during this call.
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

/// Tells the other pages what they need to know. With locks: that this page leads, and whether its stream works.
/// Without locks: that this page has a stream. In both cases also that the visitor has bought something here.
fn beat(shared: &Shared) {
    if shared.store.take_purchase() {
        tell(shared, channel::PURCHASE, "");
    }
    let state = shared.state.borrow();
    if state.turn.leads() {
        tell(shared, channel::BEAT, if state.speaks { "speaks" } else { "" });
    } else if state.source.is_some()
        && let Some(number) = state.turn.number()
    {
        tell(shared, channel::VIEWER, &number.to_string());
    }
}

fn tell(shared: &Shared, kind: &str, text: &str) {
    if let Some(channel) = &*shared.channel.borrow() {
        channel.tell(kind, shared.sale.as_str(), text);
    }
}

/// Handles a message from another page of this browser.
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
    let is_beat = kind == channel::BEAT;
    shared.state.borrow_mut().hear_beat(!is_beat || !text.is_empty(), stopwatch());
    if !is_beat {
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

/// The address of the stream. The stream begins with a snapshot if `begins_anew`, else it continues from what the page
/// knows.
fn address(shared: &Shared, begins_anew: bool) -> String {
    let stream = format!("/api/v1/sales/{}/stream", shared.sale);
    if begins_anew {
        return stream;
    }
    shared.store.read(|view| format!("{stream}?since={}&epoch={}", view.seq(), view.epoch()))
}

/// Handles what this page's own stream says.
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

/// Applies an event of the stream to the store. The stream is this page's own or the leading page's.
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
    // Weak: a poll under way must not keep the state of a page alive that the visitor has left.
    let shared = Rc::downgrade(shared);
    spawn_local(async move {
        let answer = api::snapshot(sale).await;
        let Some(shared) = shared.upgrade() else { return };
        let verdict = answer.ok().flatten().map(|(snapshot, announced)| shared.store.apply_polled(snapshot, announced));
        shared.state.borrow_mut().hear_poll(verdict, stopwatch());
        look(&shared);
    });
}

/// A random number.
fn chance() -> u32 {
    let [.., first, second, third, fourth] = uuid::Uuid::now_v7().into_bytes();
    u32::from_be_bytes([first, second, third, fourth])
}
