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
    /// In line, for as long as it takes.
    Wait,
    /// Only if nobody has it.
    Try,
    /// Away from who has it.
    Seize,
}

/// What became of the question.
#[derive(Debug)]
pub enum Answer<H> {
    Given(H),
    /// Somebody else has it.
    Refused,
    /// It was taken away.
    Lost,
}

/// A lock that is held until this is dropped.
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
    /// `None` where the browser has none: it keeps them for pages that came over https or from this machine.
    pub fn of_browser() -> Option<Self> {
        let locks = Reflect::get(&window().navigator(), &"locks".into()).ok()?;
        locks.is_object().then_some(Self(locks))
    }

    /// Asks for the lock `name` and tells `hear` what comes of it.
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
                // It is kept as a promise until the lock is given back; a failure means that it is not held any more.
                if JsFuture::from(asked.unchecked_into::<Promise>()).await.is_err() {
                    hear(Answer::Lost);
                }
            });
        }
    }
}
