//! What a handler takes and answers, by its types: they are read from the request before it runs, and they are what the
//! description of the API says of it.

use std::{collections::HashMap, future::Future, pin::Pin};

use axum::{
    Json,
    body::Bytes,
    extract::Query,
    http::{Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use model::{ChangeId, Digest, PersonId, SessionId};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Content, Ref, RefOr, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
    },
};

use crate::{
    ApiError, MAX_BODY, MAX_BUNDLE, Shared,
    auth::Signer,
    openapi::words,
    types::{
        AdoptRequest, BreakGlassRequest, EraseRequest, SessionRequest, SignRequest, SimulateRequest,
        StopRequest, UndoRequest,
    },
};

/// A function of a [`Call`], and what its types say.
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    pub(crate) name: &'static str,
    pub(crate) answer: fn(Raw) -> Answer,
    /// Bytes of a body.
    pub(crate) most: fn() -> usize,
    pub(crate) shape: fn() -> Shape,
}

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

macro_rules! handled {
    ($name:ident) => {
        $crate::people::call::Handler {
            name: stringify!($name),
            answer: |raw| $crate::people::call::answered($name, raw),
            most: || $crate::people::call::most($name),
            shape: || $crate::people::call::shape($name),
        }
    };
}
pub(super) use handled;

/// A request that has been let in.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(super) shared: Shared,
    pub(super) caller: Option<Signer>,
    pub(super) path: HashMap<String, String>,
    pub(super) uri: Uri,
    pub(super) body: Bytes,
}

/// The same, understood: about which thing, what is asked in the query, and what is sent.
#[derive(Debug)]
pub(super) struct Call<Of = (), Asked = (), Given = ()> {
    pub(super) shared: Shared,
    pub(super) caller: Option<Signer>,
    pub(super) of: Of,
    pub(super) asked: Asked,
    pub(super) given: Given,
}

impl<O, A, G> Call<O, A, G> {
    pub(super) fn signer(&self) -> Result<&Signer, ApiError> {
        self.caller.as_ref().ok_or_else(|| ApiError::not_authenticated("this needs a person's signature"))
    }

    pub(super) fn person(&self) -> Option<PersonId> {
        self.caller.as_ref().map(|signer| signer.person.clone())
    }
}

/// What a route takes and answers, for its description.
pub(crate) struct Shape {
    pub(crate) of: Option<Parameter>,
    pub(crate) asked: Vec<Parameter>,
    pub(crate) given: Option<RequestBody>,
    pub(crate) told: (&'static str, Content),
    pub(crate) schemas: Schemas,
}

/// By their names.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

pub(super) fn answered<O, A, G, F, T>(handler: fn(Call<O, A, G>) -> F, raw: Raw) -> Answer
where
    O: Of,
    A: Asked,
    G: Given,
    F: Future<Output = Result<T, ApiError>> + Send + 'static,
    T: Told,
{
    Box::pin(async move {
        let Raw { shared, caller, path, uri, body } = raw;
        let (of, asked, given) = (O::read(&path)?, A::read(&uri)?, G::read(&body)?);
        Ok(handler(Call { shared, caller, of, asked, given }).await?.into_response())
    })
}

pub(super) fn most<O, A, G: Given, F>(_: fn(Call<O, A, G>) -> F) -> usize {
    G::MOST
}

pub(super) fn shape<O, A, G, F, T>(_: fn(Call<O, A, G>) -> F) -> Shape
where
    O: Of,
    A: Asked,
    G: Given,
    F: Future<Output = Result<T, ApiError>>,
    T: Told,
{
    let mut schemas = Schemas::new();
    let (of, given) = (O::parameter(&mut schemas), G::described(&mut schemas));
    Shape {
        of,
        asked: A::parameters(&mut schemas),
        given,
        told: (T::KIND, T::content(&mut schemas)),
        schemas,
    }
}

/// A reference to `T`, which is described beside it.
fn named<T: ToSchema>(schemas: &mut Schemas) -> Ref {
    let name = T::name();
    T::schemas(schemas);
    schemas.push((name.to_string(), T::schema()));
    Ref::from_schema_name(name)
}

/// What the path names.
pub(super) trait Of: Sized + Send + 'static {
    fn read(path: &HashMap<String, String>) -> Result<Self, ApiError>;
    fn parameter(schemas: &mut Schemas) -> Option<Parameter>;
}

impl Of for () {
    fn read(_: &HashMap<String, String>) -> Result<Self, ApiError> {
        Ok(())
    }

    fn parameter(_: &mut Schemas) -> Option<Parameter> {
        None
    }
}

macro_rules! of {
    ($($name:ident)*) => {$(
        impl Of for $name {
            fn read(path: &HashMap<String, String>) -> Result<Self, ApiError> {
                let text = path.get("id").map(String::as_str).unwrap_or_default();
                text.parse().map_err(|err: <Self as std::str::FromStr>::Err| ApiError::not_found(err.to_string()))
            }

            fn parameter(schemas: &mut Schemas) -> Option<Parameter> {
                let schema = named::<words::$name>(schemas);
                let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path);
                Some(id.required(Required::True).schema(Some(schema)).build())
            }
        }
    )*};
}
of!(ChangeId SessionId Digest);

/// What the query asks.
pub(super) trait Asked: Sized + Send + 'static {
    fn read(uri: &Uri) -> Result<Self, ApiError>;
    fn parameters(schemas: &mut Schemas) -> Vec<Parameter>;
}

impl Asked for () {
    fn read(_: &Uri) -> Result<Self, ApiError> {
        Ok(())
    }

    fn parameters(_: &mut Schemas) -> Vec<Parameter> {
        Vec::new()
    }
}

/// For [`Asked`]: nothing is ignored that is not understood.
pub(crate) fn understood<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    let read = Query::<T>::try_from_uri(uri);
    let wrong = |why: String| {
        ApiError::usage(format!("the query is not what is expected: {}", model::sanitize(&why, 300)))
    };
    read.map(|Query(asked)| asked).map_err(|err| wrong(err.body_text()))
}

pub(super) fn parameters<T: IntoParams>(words: &[fn(&mut Schemas)], schemas: &mut Schemas) -> Vec<Parameter> {
    words.iter().for_each(|word| word(schemas));
    T::into_params(|| Some(ParameterIn::Query))
}

/// As [`Asked`], with the words of [`words`] that its members have.
macro_rules! asked {
    ($name:ident: $($word:ident)*) => {
        impl $crate::people::call::Asked for $name {
            fn read(uri: &axum::http::Uri) -> Result<Self, $crate::ApiError> {
                $crate::people::call::understood(uri)
            }

            fn parameters(schemas: &mut $crate::people::call::Schemas) -> Vec<utoipa::openapi::path::Parameter> {
                let words: &[fn(&mut $crate::people::call::Schemas)] = &[$(
                    $crate::people::call::word::<$crate::openapi::words::$word>,
                )*];
                $crate::people::call::parameters::<Self>(words, schemas)
            }
        }
    };
}
pub(super) use asked;

pub(super) fn word<W: ToSchema>(schemas: &mut Schemas) {
    let _ = named::<W>(schemas);
}

/// What is sent along.
pub(super) trait Given: Sized + Send + 'static {
    const MOST: usize;
    fn read(body: &[u8]) -> Result<Self, ApiError>;
    fn described(schemas: &mut Schemas) -> Option<RequestBody>;
}

/// What is sent to these is not looked at.
impl Given for () {
    const MOST: usize = MAX_BODY;

    fn read(_: &[u8]) -> Result<Self, ApiError> {
        Ok(())
    }

    fn described(_: &mut Schemas) -> Option<RequestBody> {
        None
    }
}

macro_rules! given {
    ($($name:ty, at most $most:ident;)*) => {$(
        impl Given for $name {
            const MOST: usize = $most;

            fn read(body: &[u8]) -> Result<Self, ApiError> {
                parsed(body)
            }

            fn described(schemas: &mut Schemas) -> Option<RequestBody> {
                Some(json::<Self>(Required::True, schemas))
            }
        }
    )*};
}
given! {
    SignRequest, at most MAX_BODY;
    EraseRequest, at most MAX_BODY;
    SessionRequest, at most MAX_BODY;
    StopRequest, at most MAX_BODY;
    BreakGlassRequest, at most MAX_BODY;
    AdoptRequest, at most MAX_BUNDLE;
    SimulateRequest, at most MAX_BUNDLE;
}

/// Nothing sent says as much as an empty request.
impl Given for UndoRequest {
    const MOST: usize = MAX_BODY;

    fn read(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() { Ok(Self::default()) } else { parsed(body) }
    }

    fn described(schemas: &mut Schemas) -> Option<RequestBody> {
        Some(json::<Self>(Required::False, schemas))
    }
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|err| ApiError::usage(format!("the body is not what is expected: {err}")))
}

const JSON: &str = "application/json";

fn json<T: ToSchema>(required: Required, schemas: &mut Schemas) -> RequestBody {
    let content = Content::new(Some(named::<T>(schemas)));
    RequestBodyBuilder::new().content(JSON, content).required(Some(required)).build()
}

/// What is answered.
pub(super) trait Told: IntoResponse {
    const KIND: &'static str;
    fn content(schemas: &mut Schemas) -> Content;
}

impl<T: Serialize + ToSchema> Told for Json<T> {
    const KIND: &'static str = JSON;

    fn content(schemas: &mut Schemas) -> Content {
        Content::new(Some(named::<T>(schemas)))
    }
}

/// Lines, such as a signed note.
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

impl IntoResponse for Text {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Told for Text {
    const KIND: &'static str = "text/plain";

    fn content(_: &mut Schemas) -> Content {
        Content::new(Some(<String as utoipa::PartialSchema>::schema()))
    }
}

/// JSON that is text already.
#[derive(Debug)]
pub(super) struct Written(pub(super) &'static str);

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, JSON)], self.0).into_response()
    }
}

impl Told for Written {
    const KIND: &'static str = JSON;

    fn content(_: &mut Schemas) -> Content {
        let any = utoipa::openapi::ObjectBuilder::new().build();
        Content::new(Some(Schema::Object(any)))
    }
}
