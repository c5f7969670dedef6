//! The engine under test: takes the machine's steps. What it answers and shows is compared in `comparing.rs`.

use serde_json::{Value, json};

use super::{
    super::{
        holds::{buyer, hold_and_wait, pay},
        *,
    },
    model::Model,
    planted::Bug,
    steps::{Step, Word, contact},
};
use crate::{
    model::{
        body::{ConfirmBody, HoldBody, PayBody, SimulatedOutcome},
        hold::Hold,
        ids::{HoldId, PaymentId},
        order::Order,
        outcome::{ConfirmOutcome, HoldOutcome, Refusal},
        payment::Payment,
    },
    server::{payment::sign, settlement::release_due, stock::SaleDesk},
};

/// One sale of the engine, played by the machine.
pub struct Bench<'a> {
    pub house: &'a House,
    pub sale: SaleId,
    desk: Arc<SaleDesk>,
    /// The ids of the model's holds and payments.
    pub holds: Vec<HoldId>,
    pub payments: Vec<PaymentId>,
    /// The engine's time when the model's began.
    pub began: i64,
    pub has_time: bool,
    bug: Option<Bug>,
}

/// What the engine answered.
pub enum Answered {
    Bought(Order),
    Held(Hold),
    Changed(Hold),
    Confirmed(Order),
    Declined,
    Paying(Payment, bool),
    Done,
    Refused(Refusal),
}

impl<'a> Bench<'a> {
    pub async fn open(house: &'a House, strategy: StrategyKind, model: &Model, bug: Option<Bug>) -> Self {
        let sale = super::new_sale(house, strategy, &model.terms).await;
        let desk = house.engine.core.known(&sale).unwrap();
        let began = house.engine.clock().now().milliseconds;
        let (holds, payments) = (Vec::new(), Vec::new());
        Self { house, sale, desk, holds, payments, began, has_time: model.has_time, bug }
    }

    /// Takes a step, and compares its answer and everything that can be seen with the model after it.
    pub async fn take(&mut self, step: &Step, model: &Model) {
        if let Some(bug) = self.bug {
            bug.before(self.house, &self.desk, step).await;
        }
        let answered = self.ask(step, model).await;
        if let Some(bug) = self.bug {
            let refused = matches!(answered, Answered::Refused(_));
            bug.after(self.house, (step, refused), &self.holds).await;
        }
        self.check_answer(answered, model, step);
        self.compare(model).await;
    }

    async fn ask(&self, step: &Step, model: &Model) -> Answered {
        let selling = &self.house.engine.selling;
        // Rows that this step adds have no seats that it could name.
        let rows = &model.rows;
        match step {
            Step::Buy { buyer, basket, has_contact } => {
                match self.house.buy(&self.sale, *buyer, basket.body(rows, *has_contact)).await {
                    BuyOutcome::Bought { order, .. } => Answered::Bought(order),
                    BuyOutcome::Refused(refusal) => Answered::Refused(refusal),
                    BuyOutcome::Waiting { .. } => panic!("this strategy decides at once"),
                }
            }
            Step::Hold { buyer, wish } => self.hold(*buyer, wish.body(rows)).await,
            Step::Change { buyer: who, hold, wish } => {
                let changed = selling.change_hold(self.id(*hold), buyer(*who), wish.body(rows), None).await.unwrap();
                changed.map_or_else(Answered::Refused, Answered::Changed)
            }
            Step::Extend { buyer: who, hold } => match selling.extend(self.id(*hold), buyer(*who), None).await.unwrap()
            {
                Ok(answer) => Answered::Changed(answer.into_fresh()),
                Err(refusal) => Answered::Refused(refusal),
            },
            Step::Release { buyer: who, hold } => {
                let who = self.bug.filter(|bug| *bug == Bug::OthersRelease).map_or(*who, |_| model.owner(*hold, *who));
                match selling.release(self.id(*hold), buyer(who)).await.unwrap() {
                    true => Answered::Done,
                    false => Answered::Refused(Refusal::new(Code::NotFound, "unknown")),
                }
            }
            Step::Confirm { buyer, hold, is_simulated, has_contact } => {
                let body = if *is_simulated { pay(SimulatedOutcome::Succeed) } else { ConfirmBody::default() };
                self.confirm(self.id(*hold), *buyer, ConfirmBody { contact: contact(*has_contact), ..body }).await
            }
            Step::Decline { buyer, hold } => {
                let body = ConfirmBody { contact: contact(true), ..pay(SimulatedOutcome::Fail) };
                self.confirm(self.id(*hold), *buyer, body).await
            }
            Step::Pay { buyer, hold, has_contact } => self.pay(self.id(*hold), *buyer, *has_contact).await,
            Step::Hear { payment, word } => {
                let id = self.payments.get(*payment).copied();
                let amount = model.payments.get(*payment).map_or(1, |paid| paid.amount);
                self.hear(id.unwrap_or(PaymentId(uuid::Uuid::from_u128(1))), amount, *word).await;
                Answered::Done
            }
            Step::Pass(_)
            | Step::Sweep
            | Step::Add { .. }
            | Step::Reset
            | Step::Open(_)
            | Step::Limit(_)
            | Step::Ask(_)
            | Step::Reload => self.organise(step).await,
        }
    }

    /// What is no buyer's step.
    async fn organise(&self, step: &Step) -> Answered {
        let catalogue = &self.house.engine.catalogue;
        match step {
            Step::Pass(milliseconds) => self.house.engine.clock().advance(*milliseconds),
            Step::Sweep => drop(release_due(&self.house.engine.core.desk, &self.desk).await.unwrap()),
            Step::Add { seated, count } => {
                let tier = if *seated { "floor" } else { "ga" };
                let body = StockBody { tier: tier.into(), add: i64::from(*count) };
                catalogue.add_stock(&self.sale, body, None).await.unwrap().unwrap();
            }
            Step::Reset => {
                if let Err(refusal) = catalogue.reset_sale(&self.sale, None).await.unwrap() {
                    return Answered::Refused(refusal);
                }
            }
            Step::Open(is_open) => {
                let status = Some(if *is_open { SaleSwitch::Open } else { SaleSwitch::Paused });
                self.patch(SalePatch { status, ..SalePatch::default() }).await;
            }
            Step::Limit(limit) => self.patch(SalePatch { max_per_buyer: Some(*limit), ..SalePatch::default() }).await,
            Step::Ask(contact) => self.patch(SalePatch { contact: Some(*contact), ..SalePatch::default() }).await,
            Step::Reload => {
                let desk = &self.house.engine.core.desk;
                let mut writer = desk.writer().await.unwrap();
                desk.reload(&mut writer, &self.desk).await.unwrap();
            }
            step => panic!("{step:?} is a buyer's"),
        }
        Answered::Done
    }

    fn id(&self, hold: usize) -> HoldId {
        self.holds.get(hold).copied().unwrap_or(HoldId(uuid::Uuid::from_u128(1)))
    }

    async fn hold(&self, who: u128, body: HoldBody) -> Answered {
        match hold_and_wait(&self.house.engine, &self.sale, buyer(who), body, None).await.unwrap() {
            HoldOutcome::Held { hold, .. } => Answered::Held(hold),
            HoldOutcome::Refused(refusal) => Answered::Refused(refusal),
            HoldOutcome::Waiting { .. } => panic!("this strategy decides at once"),
        }
    }

    async fn confirm(&self, hold: HoldId, who: u128, body: ConfirmBody) -> Answered {
        match self.house.engine.selling.confirm(hold, buyer(who), body, None, true).await.unwrap() {
            ConfirmOutcome::Confirmed { order, .. } => Answered::Confirmed(order),
            ConfirmOutcome::Declined { refusal, .. } => {
                assert_eq!(refusal.code, Code::PaymentDeclined);
                Answered::Declined
            }
            ConfirmOutcome::Refused(refusal) => Answered::Refused(refusal),
        }
    }

    async fn pay(&self, hold: HoldId, who: u128, has_contact: bool) -> Answered {
        let body = PayBody { contact: contact(has_contact), ..PayBody::default() };
        let paying = self.house.engine.selling.pay(hold, buyer(who), None, body, None, "https://shop.example");
        match paying.await.unwrap() {
            Ok(begun) => Answered::Paying(begun.payment, begun.is_new),
            Err(refusal) => Answered::Refused(refusal),
        }
    }

    /// The provider tells something of a payment, twice.
    async fn hear(&self, payment: PaymentId, owed: u64, word: Word) {
        let id = uuid::Uuid::now_v7();
        let event = |kind: &str, object: Value| json!({ "id": id, "type": kind, "data": { "object": object } });
        let metadata = json!({ "payment": payment });
        let session = |status: &str, amount: Option<u64>| {
            json!({
                "id": format!("cs_{payment}"),
                "status": status,
                "payment_status": if amount.is_some() { "paid" } else { "unpaid" },
                "amount_total": amount.unwrap_or(owed),
                "currency": super::CURRENCY,
                "payment_intent": format!("pi_{payment}"),
                "metadata": metadata,
            })
        };
        let event = match word {
            Word::Paid => event("checkout.session.completed", session("complete", Some(owed))),
            Word::PaidMore => event("checkout.session.completed", session("complete", Some(owed + 1))),
            Word::Declined => {
                event("payment_intent.payment_failed", json!({ "id": format!("pi_{payment}"), "metadata": metadata }))
            }
            Word::Bounced => event("checkout.session.async_payment_failed", session("complete", None)),
            Word::Over => event("checkout.session.expired", session("expired", None)),
        };
        let body = event.to_string();
        let signature = sign(body.as_bytes(), &super::webhook_secret(), self.house.engine.clock().now());
        for _ in 0..2 {
            self.house.engine.selling.hear(signature.as_bytes(), body.as_bytes()).await.unwrap().unwrap();
        }
    }

    async fn patch(&self, body: SalePatch) {
        self.house.engine.catalogue.patch_sale(&self.sale, body).await.unwrap().unwrap();
    }
}

impl Model {
    /// Who has a hold; `otherwise` where there is no such hold.
    fn owner(&self, hold: usize, otherwise: u128) -> u128 {
        self.holds.get(hold).map_or(otherwise, |held| held.buyer)
    }
}
