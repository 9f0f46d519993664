//! A listener's routes as a table: the router is built of it and of nothing else, and so is whatever tells of the routes
//! (the description of the API, the tests that walk over all of them). Of people's API and of the console's pages alike.

use std::{collections::HashMap, future::Future};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts as _, Path, Request},
    http::request::Parts,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};

use crate::ApiError;

/// `A`: who may call it. `H`: what is done then.
#[derive(Clone, Copy, Debug)]
pub struct Route<A, H> {
    pub method: Method,
    pub path: &'static str,
    pub access: A,
    pub handler: H,
    /// What it is for, where it is described.
    pub says: &'static str,
    /// Refusals of its own, by status, beside those that its access and what it takes bring along.
    pub refuses: &'static [u16],
}

/// Nothing else is understood anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One request to a route.
#[derive(Debug)]
pub struct Asked {
    /// What stands in the path in the place of `{…}`.
    pub path: HashMap<String, String>,
    pub parts: Parts,
    pub body: Body,
}

/// `ROUTES`, of lines like `Get "/v1/changes/{id}" Reader show_change [409] "what it is for";`. `$made` makes a handler of a
/// function's name, and `Access` is the caller's own.
#[macro_export]
macro_rules! routes {
    ($handler:ty, $made:ident { $($method:ident $path:literal $access:ident $name:ident $([$($status:literal)*] $says:literal)?;)* }) => {
        pub const ROUTES: &[$crate::table::Route<Access, $handler>] = &[$(
            $crate::table::Route {
                method: $crate::table::Method::$method,
                path: $path,
                access: Access::$access,
                handler: $made!($name),
                says: concat!($($says)?),
                refuses: &[$($($status),*)?],
            },
        )*];
    };
}

/// What is done with a request to a route: whatever is wrong with it is answered too.
pub type Answer<A, H, S, F> = fn(&'static Route<A, H>, S, Result<Asked, ApiError>) -> F;

/// Has `answer` answer every request to one of `routes`.
pub fn router<A, H, S, F>(routes: &'static [Route<A, H>], state: S, answer: Answer<A, H, S, F>) -> Router
where
    A: Sync,
    H: Sync,
    S: Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let mut methods: HashMap<&str, MethodRouter> = HashMap::new();
    for route in routes {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let state = state.clone();
        let service = on(filter, move |request: Request| async move {
            let asked = asked(request).await;
            answer(route, state, asked).await
        });
        let known = methods.remove(route.path);
        methods
            .insert(route.path, known.map_or_else(|| service.clone(), |known| known.merge(service.clone())));
    }
    methods.into_iter().fold(Router::new(), |router, (path, service)| router.route(path, service))
}

async fn asked(request: Request) -> Result<Asked, ApiError> {
    let (mut parts, body) = request.into_parts();
    match Path::from_request_parts(&mut parts, &()).await {
        Ok(Path(path)) => Ok(Asked { path, parts, body }),
        // Percent signs that make no text.
        Err(err) => Err(ApiError::usage(format!("the path cannot be read: {err}"))),
    }
}
