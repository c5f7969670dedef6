//! What goes wrong on request: with one payment, by its query, or with the whole stand-in.

use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{api_error::ApiError, form_reader::FormReader};

/// The longest time that something may last.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reads a number of seconds, which may have a fraction.
///
/// # Errors
/// One sentence, if it is none, is negative, or is more than a week.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.filter(|time| *time <= LONGEST).ok_or_else(|| format!("{text:?} is not a number of seconds up to a week"))
}

/// What goes wrong with one payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PaymentFaults {
    /// The webhook is sent twice at once.
    pub double: bool,
    /// What happened later is told earlier.
    pub reorder: bool,
    /// A wrongly signed webhook, which says the opposite, is sent first.
    pub forged: bool,
    /// The buyer's browser is answered 500 although everything was done.
    pub error: bool,
    /// The session is completed without money, which then does not come either.
    pub bounced: bool,
    /// The webhook is held back for so long.
    pub late: Duration,
}

impl PaymentFaults {
    /// Reads `fault=double&fault=late:5` or `fault=double,late:5`. Other parameters are passed over.
    pub fn read(query: &str) -> Result<Self, ApiError> {
        let mut faults = Self::default();
        let named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "fault");
        for (_, list) in named {
            for fault in list.split(',').filter(|fault| !fault.is_empty()) {
                faults.add(fault).map_err(|reason| ApiError::invalid(reason).param("fault"))?;
            }
        }
        Ok(faults)
    }

    fn add(&mut self, fault: &str) -> Result<(), String> {
        match fault.split_once(':').unwrap_or((fault, "")) {
            ("double", "") => self.double = true,
            ("reorder", "") => self.reorder = true,
            ("forged", "") => self.forged = true,
            ("error", "") => self.error = true,
            ("bounced", "") => self.bounced = true,
            ("late", time) => self.late = seconds(time)?,
            _ => return Err(format!("There is no fault {fault}")),
        }
        Ok(())
    }
}

/// What goes wrong with the whole stand-in from its start on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerFaults {
    /// Every card is declined.
    pub declines: bool,
    /// Calls of the API that change something are answered 500, after the change.
    pub errors: bool,
    /// For so long no call of the API is answered. What it asks for is done at once.
    pub hangs: Duration,
    /// For so long everything is answered 503.
    pub down: Duration,
    /// Every call of the API is answered so much later.
    pub late: Duration,
}

/// The faults that are on now.
#[derive(Debug)]
pub struct LiveFaults(Mutex<Live>);

#[derive(Clone, Copy, Debug)]
struct Live {
    declines: bool,
    errors: bool,
    late: Duration,
    hangs_until: Instant,
    down_until: Instant,
}

impl LiveFaults {
    pub fn new(faults: ServerFaults) -> Self {
        let now = Instant::now();
        let ServerFaults { declines, errors, hangs, down, late } = faults;
        Self(Mutex::new(Live { declines, errors, late, hangs_until: now + hangs, down_until: now + down }))
    }

    pub fn declines(&self) -> bool {
        self.0.lock().declines
    }

    pub fn errors(&self) -> bool {
        self.0.lock().errors
    }

    pub fn is_down(&self) -> bool {
        Instant::now() < self.0.lock().down_until
    }

    /// Waits as long as an answer is held back.
    pub async fn hold_back(&self) {
        let late = self.0.lock().late;
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        loop {
            let until = self.0.lock().hangs_until;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// Turns faults on and off: `declines=true&down=5`. What is not named stays. Returns what is on now.
    pub fn set(&self, mut form: FormReader) -> Result<Value, ApiError> {
        let wrong = |name: &str, reason: String| ApiError::invalid(reason).param(name);
        let mut live = *self.0.lock();
        let now = Instant::now();
        let mut time =
            |name: &str| form.take(name).map(|text| seconds(&text).map_err(|reason| wrong(name, reason))).transpose();
        let (late, hangs, down) = (time("late")?, time("hangs")?, time("down")?);
        let mut switch =
            |name: &str| form.take(name).map(|text| truth(&text).map_err(|reason| wrong(name, reason))).transpose();
        let (declines, errors) = (switch("declines")?, switch("errors")?);
        form.finish()?;
        live.late = late.unwrap_or(live.late);
        live.hangs_until = hangs.map_or(live.hangs_until, |time| now + time);
        live.down_until = down.map_or(live.down_until, |time| now + time);
        live.declines = declines.unwrap_or(live.declines);
        live.errors = errors.unwrap_or(live.errors);
        *self.0.lock() = live;
        Ok(self.told())
    }

    /// What is on now, with the seconds that are left.
    pub fn told(&self) -> Value {
        let live = *self.0.lock();
        let left = |until: Instant| until.saturating_duration_since(Instant::now()).as_secs_f64();
        json!({
            "declines": live.declines,
            "errors": live.errors,
            "late": live.late.as_secs_f64(),
            "hangs": left(live.hangs_until),
            "down": left(live.down_until),
        })
    }
}

fn truth(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} is neither true nor false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_a_payment_can_be_combined() {
        let double = PaymentFaults { double: true, ..PaymentFaults::default() };
        let late = PaymentFaults { late: Duration::from_millis(1_500), ..double };
        assert_eq!(PaymentFaults::read("fault=double"), Ok(double));
        assert_eq!(PaymentFaults::read("fault=double&x=y&fault=late%3A1.5"), Ok(late));
        assert_eq!(PaymentFaults::read("fault=double,late:1.5"), Ok(late));
        assert_eq!(PaymentFaults::read(""), Ok(PaymentFaults::default()));
        for unknown in ["triple", "late", "late:-1", "late:x", "late:1e300", "late:NaN", "double:2"] {
            assert!(PaymentFaults::read(&["fault=", unknown].concat()).is_err(), "{unknown}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn faults_of_the_server_end_by_themselves() {
        let faults = LiveFaults::new(ServerFaults { down: Duration::from_secs(5), ..ServerFaults::default() });
        assert!(faults.is_down());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!faults.is_down());
        let told = faults.set(FormReader::parse(b"declines=true&hangs=3&late=2")).unwrap();
        assert_eq!((told["declines"].as_bool(), told["hangs"].as_f64()), (Some(true), Some(3.0)));
        let began = Instant::now();
        faults.hold_back().await;
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        faults.hold_back().await;
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        let wrong = ["declines=yes", "hangs=-1", "sleep=5"];
        assert!(wrong.iter().all(|form| faults.set(FormReader::parse(form.as_bytes())).is_err()));
        assert!(faults.declines() && !faults.errors(), "a wrong form changes nothing");
    }
}
