//! Decides when frames are made: one per tick while something happens, none while nothing happens.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{change::Announcement, hub::Hub};
use crate::{
    model::{
        frame::Snapshot,
        limits::{HEARTBEAT_MILLISECONDS, MAX_TICK_MILLISECONDS, TICK_MILLISECONDS},
    },
    server::clock::Clock,
};

const TICK: Duration = Duration::from_millis(TICK_MILLISECONDS);
const MAX_TICK: Duration = Duration::from_millis(MAX_TICK_MILLISECONDS);
const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MILLISECONDS);
/// How often a stretched tick checks whether its frames have been taken.
const STRETCH_STEP: Duration = Duration::from_millis(10);
/// The longest sleep while an opening is to come: the runtime's own clock stands still while the machine sleeps.
const OPENING_STEP: Duration = Duration::from_secs(1);

impl Hub {
    /// A hub that starts from `first` and the organiser's current announcement. `viewers` is the runtime on which
    /// frames are made, separate from the buyers' runtime. `first.status` is ignored, because the hub derives the
    /// status itself.
    pub fn new(
        first: Snapshot,
        announcement: Announcement,
        clock: Clock,
        viewers: &tokio::runtime::Handle,
    ) -> Arc<Self> {
        let hub = Arc::new(Self::at_rest(first, announcement, clock));
        viewers.spawn(run(hub.clone()));
        hub
    }
}

/// Runs until the hub is closed.
async fn run(hub: Arc<Hub>) {
    let mut heartbeat_at = Instant::now() + HEARTBEAT;
    let mut last_tick = Instant::now() - MAX_TICK;
    loop {
        tokio::select! {
            () = hub.closing.started() => return,
            () = hub.something_new.notified() => wait_for_turn(&hub, last_tick).await,
            () = sleep_until(heartbeat_at.min(opening_at(&hub))) => {}
        }
        hub.tick();
        last_tick = Instant::now();
        if last_tick >= heartbeat_at {
            hub.heartbeat();
            heartbeat_at = last_tick + HEARTBEAT;
        }
    }
}

/// The first change after a quiet time is sent at once. Other changes wait for their tick. They wait longer while the
/// last frame is still being written to viewers, so that more changes share the next frame.
async fn wait_for_turn(hub: &Hub, last_tick: Instant) {
    sleep_until(last_tick + TICK).await;
    while last_tick.elapsed() < MAX_TICK && hub.has_unread_frames() {
        sleep(STRETCH_STEP).await;
    }
}

/// When to check again whether the sale has opened.
fn opening_at(hub: &Hub) -> Instant {
    let now = hub.clock.now();
    let wait = match hub.opening(now) {
        Some(opens_at) => Duration::from_millis(u64::try_from(opens_at.since(now)).unwrap_or(0)).min(OPENING_STEP),
        None => HEARTBEAT,
    };
    Instant::now() + wait
}
