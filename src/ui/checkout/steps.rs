//! What a press does: more time, give back, pay. The forms say it by the last part of their address.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::{
    ev::SubmitEvent,
    prelude::*,
    task::spawn_local,
    wasm_bindgen::JsCast,
    web_sys::{Element, FormData, HtmlFormElement},
};

use super::desk::{Desk, dialog};
use crate::{
    api::{self, HoldStep},
    model::{
        body::{ConfirmBody, PaymentMethod, SimulatedOutcome, SimulatedPayment},
        order::Contact,
        outcome::{Code, Refusal},
    },
    ui::kit::{countdown::remaining, document::set, seen::seen, toast::ToastKind},
};

/// How long the way to the payment provider may take: a little longer than the server waits for the provider.
const LEAVING: Duration = Duration::from_secs(10);

/// What is wanted of a hold.
#[derive(Debug)]
enum Step {
    Extend,
    Release,
    Confirm(ConfirmBody),
}

impl Desk {
    /// Takes a form's step without leaving the page. What is no step, such as the dialog's own form, is left to the browser.
    pub fn submit(self, event: &SubmitEvent) {
        let Some(form) = event.target().and_then(|form| form.dyn_into::<HtmlFormElement>().ok()) else { return };
        let button = event.submitter().and_then(|button| button.dyn_into::<Element>().ok());
        // The way to the payment provider leaves the page. Until the browser has left, nothing else may load.
        if button.as_ref().is_some_and(|button| button.has_attribute("formaction")) {
            self.is_busy.set_value(true);
            spawn_local(async move {
                // Who comes back by the browser's own button finds the page as it was left.
                sleep(LEAVING).await;
                let _ = self.is_busy.try_set_value(false);
            });
            return;
        }
        let Some(step) = step(&form, button.as_ref()) else { return };
        event.prevent_default();
        if let Some(dialog) = dialog() {
            dialog.close();
        }
        let is_closed = button.as_ref().is_some_and(|button| button.has_attribute("aria-disabled"));
        if !is_closed && !self.is_busy.get_value() {
            self.take(step, button);
        }
    }

    fn take(self, step: Step, button: Option<Element>) {
        self.is_busy.set_value(true);
        let mark = move |is_busy: bool| {
            button.iter().for_each(|button| set(button, "aria-busy", is_busy.then_some("true")));
        };
        mark(true);
        // Each extension is an intent of its own. A payment is another intent if it says something else.
        let choice = format!("{step:?} {}", if matches!(step, Step::Extend) { self.extensions_left() } else { 0 });
        spawn_local(async move {
            let answer = self.ask_for(&step, &self.intents.key(&choice)).await;
            let _ = self.is_busy.try_set_value(false);
            match answer {
                Some(Ok(HoldStep::Ended { outcome })) => self.show_outcome(&outcome),
                Some(Ok(HoldStep::Goes)) => {
                    self.ask().await;
                    let _ = self.spoken.try_set(format!("{} left.", remaining(untrack(|| self.left()))));
                }
                Some(Ok(HoldStep::Refused(refusal)) | Err(refusal)) => {
                    self.refuse(&refusal);
                    seen().await;
                    self.intents.forget(&choice);
                }
                None => {
                    let detail = "The box office cannot be reached. Press again: nothing happens twice.";
                    self.toasts.show(ToastKind::Error, "No answer", detail);
                }
            }
            mark(false);
        });
    }

    async fn ask_for(self, step: &Step, key: &str) -> Option<Result<HoldStep, Refusal>> {
        let answer = api::insist(async || {
            let answer = match step {
                Step::Extend => api::extend_hold(self.hold, key.to_owned()).await,
                Step::Release => api::release_hold(self.hold).await,
                Step::Confirm(body) => api::confirm_hold(self.hold, self.seq, body.clone(), key.to_owned()).await,
            }?;
            let is_undecided =
                matches!(&answer, HoldStep::Refused(refusal) if refusal.code == Code::IdempotencyInFlight);
            Ok((!is_undecided).then_some(answer))
        });
        answer.await
    }

    /// Says why a step was refused. Where the hold has ended or changed meanwhile, the page is drawn again.
    fn refuse(self, refusal: &Refusal) {
        match refusal.code {
            Code::HoldExpired | Code::HoldFinished => self.show_outcome(""),
            Code::PriceChanged => self.show_outcome("outcome=changed"),
            code => {
                self.toasts.show(ToastKind::of(code), code.title(), refusal.detail.clone());
            }
        }
    }
}

/// The step that a form is for.
fn step(form: &HtmlFormElement, button: Option<&Element>) -> Option<Step> {
    let action = form.get_attribute("action")?;
    match action.rsplit('/').next()? {
        "extend" => Some(Step::Extend),
        "release" => Some(Step::Release),
        "confirm" => {
            let outcome = match button.and_then(|button| button.get_attribute("value")).as_deref() {
                Some("succeed") => Some(SimulatedOutcome::Succeed),
                Some("fail") => Some(SimulatedOutcome::Fail),
                _ => None,
            };
            let payment = outcome.map(|outcome| SimulatedPayment { method: PaymentMethod::Simulated, outcome });
            Some(Step::Confirm(ConfirmBody { payment, contact: contact(form) }))
        }
        _ => None,
    }
}

/// The contact that was typed. A name alone reaches nobody, which the server says.
fn contact(form: &HtmlFormElement) -> Option<Contact> {
    let fields = FormData::new_with_form(form).ok()?;
    let typed = |name: &str| fields.get(name).as_string().filter(|text| !text.trim().is_empty());
    let (email, name) = (typed("email"), typed("name"));
    (email.is_some() || name.is_some()).then(|| Contact { email: email.unwrap_or_default(), name })
}
