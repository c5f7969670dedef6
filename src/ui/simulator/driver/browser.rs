//! This browser as the load generator: real requests, as many at once as a browser carries.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use gloo_timers::future::sleep;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::{
    asking::{ask, within},
    fetch::{self, Timings, microseconds, milliseconds, now_ms},
};
use crate::{
    api,
    model::{
        arrivals::Arrivals,
        audit::Audit,
        body::BuyBody,
        ids::{SaleId, SimulationId},
        limits::SIMULATION_OVERTIME_SECONDS,
        retry::{MAX_RETRIES, pause_before},
        sale::Sale,
        scenario::{Stock, wishes},
        seat::SeatList,
        simulation::{Simulation, SimulationStatus, Target, seed_from},
        tally::{Answer, Latencies, Tally},
    },
    ui::simulator::session::{BrowserQueue, Request, Run, Session},
};

/// How often progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How long a buyer waits for one answer, including the time in the queue of `queued`.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a buyer who has not arrived yet checks whether the run was cancelled.
const CANCEL_INTERVAL: Duration = Duration::from_millis(250);

pub async fn run(session: Session, request: Request) -> Result<Run, String> {
    let address = format!("/api/v1/sales/{}", request.sale);
    if request.strategy.is_some() {
        let put_back = ask(|| api::reset(request.sale.clone(), request.strategy)).await?;
        put_back.map_err(|refusal| refusal.detail)?;
    }
    let sale: Sale = fetch::get(&address).await?;
    let seats: SeatList = fetch::get(&format!("{address}/seats")).await?;
    let stock = Stock::aimed_at(&request.target, &sale, &seats.seats)
        .map_err(|_| format!("The sale has no {}.", request.target))?;
    let id = Uuid::now_v7();
    let seed = request.seed.unwrap_or_else(|| seed_from(id.as_u64_pair().1));
    let wishes = wishes(&stock, request.buyers, seed);
    if wishes.is_empty() {
        return Err("The sale has no stock to ask for.".to_owned());
    }
    let mut begun =
        Simulation::begun(SimulationId(id), request.sale.clone(), request.buyers, request.concurrency, seed);
    begun.strategy = Some(sale.strategy);
    begun.rate = request.rate;
    let mut run = Run::new(request, begun);
    let race = Race::start(session, &run.request, wishes);
    let time_limit = race.arrivals.last_moment(run.request.buyers) + Duration::from_secs(SIMULATION_OVERTIME_SECONDS);
    loop {
        let is_over = race.busy_slots.get() == 0;
        run.advance(race.figures(&run.simulation));
        session.show(&run);
        if is_over {
            break;
        }
        race.stop_at(time_limit);
        sleep(PROGRESS_INTERVAL).await;
    }
    let all_answered = run.simulation.answered() == u64::from(run.request.buyers);
    run.browser_queue = race.queue();
    run.simulation.audit = Some(fetch::get::<Audit>(&format!("{address}/audit")).await?);
    run.simulation.status = if all_answered { SimulationStatus::Done } else { SimulationStatus::Cancelled };
    Ok(run)
}

/// What all slots of one run share. They take turns on the browser's one thread.
struct Race {
    session: Session,
    sale: SaleId,
    wishes: Vec<BuyBody>,
    arrivals: Arrivals,
    for_one_seat: bool,
    next_buyer: Cell<usize>,
    /// Whether the run was stopped because it lasted too long.
    is_stopped: Cell<bool>,
    busy_slots: Cell<u32>,
    tally: RefCell<Tally>,
    /// From the planned moment of arrival, or from the sending if all arrive at once, to the answer. The wait in the
    /// browser's own queue is included.
    latencies: RefCell<Latencies>,
    timings: RefCell<Timings>,
    started_ms: f64,
}

impl Race {
    /// Sends the first buyers; the slots go on by themselves.
    fn start(session: Session, request: &Request, wishes: Vec<BuyBody>) -> Rc<Self> {
        let slots = request.concurrency.min(request.buyers);
        let race = Rc::new(Self {
            session,
            sale: request.sale.clone(),
            wishes,
            for_one_seat: matches!(request.target, Target::Seat(_)),
            arrivals: Arrivals::at_rate(request.rate).unwrap_or_default(),
            next_buyer: Cell::new(0),
            is_stopped: Cell::new(false),
            busy_slots: Cell::new(slots),
            tally: RefCell::default(),
            latencies: RefCell::default(),
            timings: RefCell::new(Timings::begin(api::purchase_path())),
            started_ms: now_ms(),
        });
        for _ in 0..slots {
            spawn_local(Rc::clone(&race).serve());
        }
        race
    }

    /// Lets one buyer after another act until none is left.
    async fn serve(self: Rc<Self>) {
        while !self.has_ended() {
            let buyer = self.next_buyer.get();
            let Some(wish) = self.wishes.get(buyer) else { break };
            self.next_buyer.set(buyer + 1);
            let Some(arrived_ms) = self.arrival(buyer).await else { break };
            let answer = self.ask(wish).await;
            self.latencies.borrow_mut().record(microseconds(now_ms() - arrived_ms));
            self.tally.borrow_mut().count(&answer);
        }
        self.busy_slots.set(self.busy_slots.get() - 1);
    }

    /// Whether no more buyers are sent.
    fn has_ended(&self) -> bool {
        self.is_stopped.get() || self.session.is_cancelled()
    }

    /// Stops sending buyers if the run has lasted longer than `limit`.
    fn stop_at(&self, limit: Duration) {
        if now_ms() - self.started_ms > milliseconds(limit) {
            self.is_stopped.set(true);
        }
    }

    /// Waits for the moment at which this buyer arrives and returns it; `None` when the run has ended meanwhile. With a
    /// rate it is the planned moment, even when every slot was busy then: the delay counts as latency.
    async fn arrival(&self, buyer: usize) -> Option<f64> {
        if self.arrivals == Arrivals::AtOnce {
            return Some(now_ms());
        }
        let planned_ms = self.started_ms + milliseconds(self.arrivals.moment(buyer));
        loop {
            let left_ms = planned_ms - now_ms();
            if left_ms <= 0.0 {
                return Some(planned_ms);
            }
            let pause_ms = left_ms.ceil().min(milliseconds(CANCEL_INTERVAL));
            sleep(Duration::from_micros(microseconds(pause_ms))).await;
            if self.has_ended() {
                return None;
            }
        }
    }

    /// Sends the purchase, and sends it again with the same key while its outcome is unknown: after a lost connection,
    /// or the 502 of a proxy. A cancelled run waits for one answer, and does not ask again.
    async fn ask(&self, wish: &BuyBody) -> Answer {
        let key = Uuid::now_v7().to_string();
        let mut retries = 0;
        loop {
            let purchase = api::buy_as_guest(self.sale.clone(), wish.clone(), key.clone(), None);
            let told = match within(PATIENCE, purchase).await {
                Some(Ok(answer)) => return answer.outcome.into(),
                Some(Err(told)) => told,
                None => "The server did not answer in time.".to_owned(),
            };
            if retries == MAX_RETRIES || self.has_ended() {
                return Answer::Failed(told);
            }
            retries += 1;
            sleep(pause_before(retries)).await;
        }
    }

    /// The figures so far. Where buyers arrive at once, latency is the server's time, if the browser can separate it
    /// from the wait in its own queue. At a rate, that wait is part of the latency.
    fn figures(&self, before: &Simulation) -> Simulation {
        let mut simulation = before.clone();
        let mut timings = self.timings.borrow_mut();
        timings.collect();
        self.tally.borrow().write_to(
            &mut simulation,
            microseconds(now_ms() - self.started_ms) / 1000,
            self.for_one_seat,
        );
        let latencies = self.latencies.borrow();
        let is_at_once = self.arrivals == Arrivals::AtOnce;
        if is_at_once && timings.server.count() > 0 { &timings.server } else { &latencies }.write_to(&mut simulation);
        simulation
    }

    fn queue(&self) -> Option<BrowserQueue> {
        let queue = &self.timings.borrow().queue;
        (queue.count() > 0).then(|| BrowserQueue {
            p50_ms: queue.quantile_milliseconds(0.50),
            p99_ms: queue.quantile_milliseconds(0.99),
        })
    }
}
