//! This browser as the load generator: real requests, as many at once as a browser carries.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use gloo_timers::future::sleep;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::fetch::{self, Timings, microseconds, now_ms};
use crate::{
    api,
    model::{
        audit::Audit,
        body::BuyBody,
        ids::{SaleId, SimulationId},
        sale::Sale,
        scenario::{Stock, wishes},
        seat::SeatList,
        simulation::{Simulation, SimulationStatus, Target, seed_from},
        tally::{Answer, Latencies, Tally},
    },
    ui::simulator::session::{BrowserQueue, Request, Run, Session},
};

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Times a request is sent again, with the same key, when there was no answer.
const MAX_RETRIES: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_millis(100);

pub async fn run(session: Session, request: Request) -> Result<Run, String> {
    let address = format!("/api/v1/sales/{}", request.sale);
    if request.strategy.is_some() {
        let put_back = api::reset(request.sale.clone(), request.strategy).await.map_err(|error| error.to_string())?;
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
    let mut run = Run::new(request, begun);
    let race = Race::start(session, &run.request, wishes);
    loop {
        let is_over = race.busy_slots.get() == 0;
        run.advance(race.figures(&run.simulation));
        session.show(&run);
        if is_over {
            break;
        }
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
    for_one_seat: bool,
    next_buyer: Cell<usize>,
    busy_slots: Cell<u32>,
    tally: RefCell<Tally>,
    /// As seen by the code that asks, the browser's own queue included.
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
            next_buyer: Cell::new(0),
            busy_slots: Cell::new(slots),
            tally: RefCell::default(),
            latencies: RefCell::default(),
            timings: RefCell::new(Timings::begin(api::guest_purchase_path())),
            started_ms: now_ms(),
        });
        for _ in 0..slots {
            spawn_local(Rc::clone(&race).serve());
        }
        race
    }

    /// Takes the next buyer, lets it act, and so on until none is left.
    async fn serve(self: Rc<Self>) {
        while !self.session.is_cancelled() {
            let buyer = self.next_buyer.get();
            let Some(wish) = self.wishes.get(buyer) else { break };
            self.next_buyer.set(buyer + 1);
            let sent_ms = now_ms();
            let answer = self.ask(wish).await;
            self.latencies.borrow_mut().record(microseconds(now_ms() - sent_ms));
            self.tally.borrow_mut().count(&answer);
        }
        self.busy_slots.set(self.busy_slots.get() - 1);
    }

    /// Sends the purchase, and sends it again with the same key while its outcome is unknown.
    async fn ask(&self, wish: &BuyBody) -> Answer {
        let key = Uuid::now_v7().to_string();
        let mut retries = 0;
        loop {
            match api::buy_as_guest(self.sale.clone(), wish.clone(), key.clone(), None).await {
                Ok(answer) => return answer.outcome.into(),
                Err(trouble) if retries == MAX_RETRIES => return Answer::Failed(trouble),
                Err(_) => retries += 1,
            }
            sleep(RETRY_PAUSE * retries).await;
        }
    }

    /// The figures so far. Latency is the server's time where the browser tells it apart from its own.
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
        if timings.server.count() > 0 { &timings.server } else { &latencies }.write_to(&mut simulation);
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
