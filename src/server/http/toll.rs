//! Counts a request against the limits of its sender, before anything else is done for it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, StatusCode},
};

use super::{asked::Client, problem::Failure};
use crate::server::{
    app::App,
    auth::Visit,
    limits::{ConnectionPlace, Full, TooOften},
    telemetry::client_faults,
};

/// Who pays for a request.
pub struct Toll {
    /// `None` for our own simulated buyers, who have no limits.
    payer: Option<IpAddr>,
    has_bearer: bool,
}

impl Toll {
    pub fn of(app: &App, visit: &Visit<'_>, extensions: &Extensions) -> Self {
        let socket = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(socket)| *socket);
        let is_own = socket.is_some_and(|socket| app.limits.own_clients.contains(socket));
        Self { payer: (!is_own).then(|| visit.client_address()), has_bearer: visit.has_bearer() }
    }

    pub const fn client(&self) -> Client {
        Client { limited: self.payer }
    }

    /// Counts the request. The place that comes back is kept until the request has been answered.
    ///
    /// # Errors
    /// If the address asks too often, has too much open, or has sent too many wrong tokens and sends another one.
    pub fn pay(&self, app: &App, visit: &Visit<'_>) -> Result<Option<ConnectionPlace>, Failure> {
        let Some(address) = self.payer else { return Ok(None) };
        let limits = &app.limits;
        limits.rates.request(address).map_err(|TooOften { wait }| {
            tell_of_unlisted_proxy(visit);
            Failure::too_often("requests from your network", Some(wait))
        })?;
        if self.has_bearer {
            self.require_no_guessing(app, visit, address)?;
        }
        let full = |Full| Failure::too_often("requests of your network that are not answered yet", None);
        limits.connections.request(visit.peer, address).map_err(full)
    }

    /// While an address is locked out, none of its tokens is compared with the organiser's. Sessions go on.
    fn require_no_guessing(&self, app: &App, visit: &Visit<'_>, address: IpAddr) -> Result<(), Failure> {
        let Err(TooOften { wait }) = app.limits.rates.lock_out(address) else { return Ok(()) };
        let known = visit.known(&app.sessions, app.engine.clock().now());
        let is_guest = known.is_ok_and(|asker| asker.is_some_and(|asker| !asker.is_admin));
        if is_guest { Ok(()) } else { Err(Failure::too_often("wrong tokens from your network", Some(wait))) }
    }

    /// Notes a wrong token, once the request has been answered.
    pub fn settle(&self, app: &App, status: StatusCode) {
        if status == StatusCode::UNAUTHORIZED
            && self.has_bearer
            && let Some(address) = self.payer
        {
            app.limits.rates.wrong_token(address);
            if let Some(unsaid) = client_faults::may_log() {
                tracing::warn!(%address, unsaid, "a token is neither a session nor the organiser's");
            }
        }
    }
}

/// Warns the operator when a limit is reached by a proxy that the configuration does not list. All its clients count as one
/// then, so many of them are refused.
fn tell_of_unlisted_proxy(visit: &Visit<'_>) {
    if visit.is_forwarded_by_stranger()
        && let Some(unsaid) = client_faults::may_log()
    {
        let peer = visit.peer;
        tracing::warn!(%peer, unsaid, "too many requests from an address that forwards; if it is a proxy, list it in trusted_proxies");
    }
}
