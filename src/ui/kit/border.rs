//! Erases the types of views, on the server only. A view's type names every element in it, and compiling the type of a
//! whole page for the server takes minutes and megabytes. In the browser types are kept, because erasing them there
//! makes the code half as large again.

use leptos::prelude::*;

/// A part of a page. On the server its type is erased.
#[cfg(feature = "ssr")]
pub fn part(view: impl IntoView + 'static) -> AnyView {
    view.into_any()
}

/// A part of a page. In the browser it keeps its type.
#[cfg(not(feature = "ssr"))]
pub fn part<V: IntoView>(view: V) -> V {
    view
}
