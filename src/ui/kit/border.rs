//! Where the type of a view ends on the server. A view's type names every element in it, and what the server compiles of a whole
//! page takes minutes and megabytes. In the browser the type goes on: erasing it there costs half as much code again.

use leptos::prelude::*;

/// A part of a page, of its own type in the browser, of any type on the server.
#[cfg(feature = "ssr")]
pub fn part(view: impl IntoView + 'static) -> AnyView {
    view.into_any()
}

/// A part of a page, of its own type in the browser, of any type on the server.
#[cfg(not(feature = "ssr"))]
pub fn part<V: IntoView>(view: V) -> V {
    view
}
