//! Locks that the pages of one browser share. The only code that touches `navigator.locks`.

use js_sys::{Function, Object, Promise, Reflect, futures::JsFuture};
use leptos::{
    prelude::window,
    task::spawn_local,
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
};

/// How a lock is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Wait in line until the lock is free.
    Wait,
    /// Take the lock only if nobody holds it.
    Try,
    /// Take the lock away from its holder.
    Seize,
}

/// The answer to a request for a lock.
#[derive(Debug)]
pub enum Answer<H> {
    Given(H),
    /// Another page holds the lock.
    Refused,
    /// The lock was given and then taken away by another page, or the request failed.
    Lost,
}

/// A lock. It is held until this value is dropped.
pub struct Hold(Option<Function>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

#[derive(Clone)]
pub struct Locks(JsValue);

impl Locks {
    /// `None` if the browser has no locks: it offers them only to pages that came over https or from the same machine.
    pub fn of_browser() -> Option<Self> {
        let locks = Reflect::get(&window().navigator(), &"locks".into()).ok()?;
        locks.is_object().then_some(Self(locks))
    }

    /// Asks for the lock `name` and passes the answer to `hear`.
    pub fn ask(&self, name: &str, manner: Manner, hear: impl Fn(Answer<Hold>) + Clone + 'static) {
        let options = Object::new();
        let option = match manner {
            Manner::Wait => "mode",
            Manner::Try => "ifAvailable",
            Manner::Seize => "steal",
        };
        let value = if manner == Manner::Wait { JsValue::from_str("exclusive") } else { JsValue::TRUE };
        let _ = Reflect::set(&options, &option.into(), &value);
        let given = hear.clone();
        let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            if lock.is_null() {
                given(Answer::Refused);
                return JsValue::UNDEFINED;
            }
            let mut release = None;
            let held = Promise::new(&mut |resolve: Function, _: Function| release = Some(resolve));
            given(Answer::Given(Hold(release)));
            held.into()
        });
        let request =
            Reflect::get(&self.0, &"request".into()).ok().and_then(|request| request.dyn_into::<Function>().ok());
        let asked = request.and_then(|request| request.call3(&self.0, &name.into(), &options, &callback).ok());
        if let Some(asked) = asked {
            spawn_local(async move {
                // The promise is settled when the lock is given back. If it fails, this page no longer holds the lock.
                if JsFuture::from(asked.unchecked_into::<Promise>()).await.is_err() {
                    hear(Answer::Lost);
                }
            });
        }
    }
}
