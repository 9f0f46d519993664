//! One request from its first byte to its last: received, classified, admitted, forwarded, recorded, answered.

use std::{ops::ControlFlow, sync::Arc};

use bytes::Bytes;
use classify_aws::{
    answer::{self, Answer, Refusal, Shape},
    sigv4::Verified,
};
use engine::{Admitted, Asked, Engine, Permit, Purpose, RefusalKind, Settled};
use http_body_util::{BodyExt as _, Full, Limited, combinators::BoxBody};
use hyper::{body::Incoming, http::request::Parts};
use listener::{Paced, Source};
use model::{ChangeId, Request, Session};

use crate::{
    Gateway, assume,
    body::{self, Passing},
    change_sets,
    collect::{Gatherer, route, understand},
    forward::{Answered, Content, Route, whole},
    queue_url::{self, Reached},
    receive::{self, Claimed, Headed, NotReceived, Received},
};

pub(crate) type Reply = hyper::Response<BoxBody<Bytes, hyper::Error>>;

/// What stays of one request, however often it is classified.
struct Call<'r> {
    session: Arc<Session>,
    verified: Verified,
    reached: Option<Reached>,
    method: &'r str,
}

impl Gateway {
    pub(crate) async fn serve(
        self: Arc<Self>,
        parts: Parts,
        body: Incoming,
        source: Source,
        tls: bool,
    ) -> Reply {
        let method = parts.method.as_str().to_owned();
        let head = match receive::head(&parts) {
            Ok(head) => head,
            Err(refused) => {
                return self.not_received(Shape::RestJson, refused, &method, &source.to_string()).await;
            }
        };
        let claimed = Claimed::of(&self.engine, &head);
        let shape = Shape::guess(&head, claimed_service(&head));
        if self.engine.anybody_fails() && self.engine.is_flooding(&claimed.counted_as(source)) {
            let message = "Countersign: too many requests from here that no session signed; wait a minute.";
            return refuse(shape, Refusal::Throttled, message, None, &method);
        }
        let now = match self.engine.now() {
            Ok(now) => now,
            Err(fault) => {
                let message =
                    format!("Countersign denies this ({}): {fault}. Nothing was done.", fault.code());
                return refuse(shape, Refusal::Fault, &message, None, &method);
            }
        };
        let body = match receive::by_head(&self.engine, &self.hosts, &claimed, &head, now) {
            None => body,
            Some(Err(refused)) => {
                let source = claimed.counted_as(source);
                return self.not_received(shape, refused, &method, &source).await;
            }
            Some(Ok(headed)) => match self.pass_on(headed, body, &method).await {
                ControlFlow::Break(reply) => return reply,
                ControlFlow::Continue(body) => body,
            },
        };
        match receive::receive(&self.engine, &self.hosts, &claimed, head, body, now).await {
            Ok(received) => self.handle(received, &method, tls).await,
            Err(refused) => {
                let source = claimed.counted_as(source);
                self.not_received(shape, refused, &method, &source).await
            }
        }
    }

    async fn handle(&self, received: Received, method: &str, tls: bool) -> Reply {
        let Received { mut request, session, verified } = received;
        let reached = Reached::new(tls, &request);
        let target = self.target_of(&self.engine.bundle(), &session);
        if let Some(reached) = &reached
            && let Some(upstream) = self.upstream.beginning("sqs", &verified.region, &target.partition.0)
        {
            reached.inward(&verified.service, &mut request, &upstream);
        }
        let call = Call { session, verified, reached, method };
        loop {
            match self.judged(request, &call).await {
                Ok(reply) => return reply,
                // Another bundle came into force: it is classified and asked for under that one.
                Err(again) => request = *again,
            }
        }
    }

    /// The answer; or the request again, where it was classified under a bundle that is not in force any more.
    async fn judged(&self, request: Request, call: &Call<'_>) -> Result<Reply, Box<Request>> {
        let Call { session, verified, reached, method } = call;
        let under = self.engine.bundle();
        let target = self.target_of(&under, session);
        let outward = |body: Vec<u8>| match reached {
            Some(reached) => reached.outward(&verified.service, body),
            None => body,
        };
        let classified = match understand(
            &self.terms,
            (&self.engine, &under),
            request,
            &verified.service,
            &verified.region,
            &target,
        ) {
            Ok(classified) => classified,
            Err((err, why)) => {
                let what =
                    err.operation.as_ref().map_or_else(|| verified.service.clone(), ToString::to_string);
                self.engine.note_unjudged(session, &format!("denied {what} ({})", err.fault.code()));
                let kind = match err.fault {
                    model::Fault::UnknownOperation(_) => Refusal::Unknown,
                    model::Fault::Oversized(_) => Refusal::TooLarge,
                    _ => Refusal::Denied,
                };
                let message =
                    format!("Countersign denies this ({}): {why} Nothing was done.", err.fault.code());
                return Ok(refuse(err.shape, kind, &message, None, method));
            }
        };
        let shape = classified.shape;
        if let Some(answer) = assume::answer(&self.engine, session, &classified).await {
            return Ok(match answer {
                Ok(body) => reply(200, &[("content-type".to_owned(), "text/xml".to_owned())], None, body),
                Err((kind, message)) => refuse(shape, kind, &message, None, method),
            });
        }
        let route = route(&classified, &verified.region, &target);
        let template = change_sets::template_of(&classified.action.parts().operation, &classified.params);
        let gatherer = Gatherer { gateway: self, params: classified.params };
        let asked = Asked {
            session: Arc::clone(session),
            action: classified.action,
            under,
            signature: verified.signature,
            purpose: Purpose::Agent,
        };
        Ok(match self.engine.admit(asked, &gatherer).await {
            Admitted::Permit(permit) if permit.change().is_none() => {
                self.stream(permit, &route, shape, method, reached.as_ref()).await
            }
            Admitted::Permit(permit) => {
                let change = permit.change();
                match carry_out(self, &self.engine, permit, &route, Content::Whole).await {
                    Ok((answer, body)) => {
                        if let Some(template) = template.filter(|_| answer.succeeded()) {
                            self.change_sets.remember(&body, template);
                        }
                        reply(answer.status, &answer.headers, change, outward(body))
                    }
                    Err(settled) => refuse(shape, Refusal::Fault, &undelivered(&settled), change, method),
                }
            }
            Admitted::Recorded { change, answer } => match answer.body {
                Some(body) => reply(answer.status, &answer.headers, Some(change), outward(body.into_bytes())),
                None => {
                    let message = format!(
                        "Countersign: this ran as {change} and was answered with {}; the answer itself was not kept.",
                        answer.status
                    );
                    refuse(shape, Refusal::Replayed, &message, Some(change), method)
                }
            },
            Admitted::Refused(refusal) => refused(shape, &refusal, method),
            Admitted::Turned(again) => return Err(again),
        })
    }

    /// The verdict on the head alone: allowed, the content is passed on as it comes; to be held, it must be read first,
    /// and the body is given back unread.
    async fn pass_on(&self, headed: Headed, body: Incoming, method: &str) -> ControlFlow<Reply, Incoming> {
        let Headed { received, framing } = headed;
        let Received { mut request, session, verified } = received;
        let (shape, route, admitted) = loop {
            let under = self.engine.bundle();
            let target = self.target_of(&under, &session);
            let Ok(classified) = understand(
                &self.terms,
                (&self.engine, &under),
                request,
                &verified.service,
                &verified.region,
                &target,
            ) else {
                return ControlFlow::Continue(body);
            };
            if !classified.streams {
                return ControlFlow::Continue(body);
            }
            let route = route(&classified, &verified.region, &target);
            let gatherer = Gatherer { gateway: self, params: classified.params };
            let (session, signature) = (Arc::clone(&session), verified.signature);
            let action = classified.action.to_come(signature);
            let asked = Asked { session, action, under, signature, purpose: Purpose::Agent };
            match self.engine.admit(asked, &gatherer).await {
                Admitted::Turned(again) => request = *again,
                admitted => break (classified.shape, route, admitted),
            }
        };
        let permit = match admitted {
            Admitted::Permit(permit) => permit,
            // Taken up above.
            Admitted::Turned(_) => return ControlFlow::Continue(body),
            Admitted::Refused(refusal) if refusal.kind == RefusalKind::ContentNeeded => {
                let limit = self.engine.bundle().limits().max_body_bytes;
                if framing.length <= limit {
                    return ControlFlow::Continue(body);
                }
                let message = format!(
                    "Countersign denies this (CS108): it needs people, who sign for its content, and {} bytes are more \
                     than the {limit} that are read for that. Nothing was done. Instead: write it under a new name, \
                     which can be undone, or in smaller objects.",
                    framing.length
                );
                return ControlFlow::Break(refuse(shape, Refusal::TooLarge, &message, None, method));
            }
            Admitted::Refused(refusal) => return ControlFlow::Break(refused(shape, &refusal, method)),
            Admitted::Recorded { change, .. } => {
                let message = "Countersign: this has run already.";
                return ControlFlow::Break(refuse(shape, Refusal::Replayed, message, Some(change), method));
            }
        };
        let change = permit.change();
        let body = match Paced::new(body) {
            Ok(body) => body,
            Err(err) => {
                let message = format!("Countersign denies this (CS107): {err}. Nothing was done.");
                self.never_sent(permit, &err.to_string()).await;
                return ControlFlow::Break(refuse(shape, Refusal::Denied, &message, change, method));
            }
        };
        let covers = body::covers(&verified.payload, !framing.trailers.is_empty());
        let (passing, fate) = Passing::new(body, &verified.payload, framing.clone());
        let content = Content::Passing { body: Box::new(passing), fate, framing, covers };
        ControlFlow::Break(match carry_out(self, &self.engine, permit, &route, content).await {
            Ok((answer, body)) => reply(answer.status, &answer.headers, change, body),
            // What the client itself broke off or got wrong it is not to try again as it is.
            Err(settled @ Settled::NotSent(_)) => {
                refuse(shape, Refusal::Denied, &undelivered(&settled), change, method)
            }
            Err(settled) => refuse(shape, Refusal::Fault, &undelivered(&settled), change, method),
        })
    }

    async fn never_sent(&self, permit: Permit, why: &str) {
        let (_, receipt) = permit.redeem();
        if let Err(fault) = self.engine.finish(receipt, Settled::NotSent(why.to_owned())).await {
            tracing::error!(%fault, "an outcome could not be recorded; it will be read back");
        }
    }

    /// A plain read: its answer passes through as it comes.
    async fn stream(
        &self,
        permit: Permit,
        route: &Route,
        shape: Shape,
        method: &str,
        reached: Option<&Reached>,
    ) -> Reply {
        let (receipt, result) = self.upstream.send(&self.engine, permit, route, Content::Whole).await;
        // A plain read leaves nothing to settle.
        drop(receipt);
        match result {
            Ok(Answered { status, headers, body, .. }) => {
                let mut builder = hyper::Response::builder().status(status);
                for (name, value) in &headers {
                    builder = builder.header(name, value);
                }
                let body = match reached.filter(|_| route.signing_name == "sqs") {
                    Some(reached) => match Limited::new(body, queue_url::ANSWER_MAX).collect().await {
                        Ok(whole) => full(reached.outward("sqs", whole.to_bytes().to_vec())),
                        Err(err) => {
                            let message =
                                format!("Countersign (CS109): the upstream's answer broke off: {err}.");
                            return refuse(shape, Refusal::Fault, &message, None, method);
                        }
                    },
                    None => body,
                };
                builder.body(body).unwrap_or_else(|_| broken())
            }
            Err(settled) => {
                let message =
                    format!("Countersign (CS109): the upstream cannot be reached: {}.", why(&settled));
                refuse(shape, Refusal::Fault, &message, None, method)
            }
        }
    }

    async fn not_received(&self, shape: Shape, refused: NotReceived, method: &str, source: &str) -> Reply {
        if refused.unauthenticated {
            self.engine.authentication_failed(source).await;
        }
        refuse(shape, refused.refusal, &refused.message, None, method)
    }
}

/// Redeems a permit and puts the outcome on record before anyone learns of it.
pub(crate) async fn carry_out(
    gateway: &Gateway,
    engine: &Engine,
    permit: Permit,
    route: &Route,
    content: Content,
) -> Result<(model::Answer, Vec<u8>), Settled> {
    let (receipt, result) = gateway.upstream.send(engine, permit, route, content).await;
    engine::crash::point("after-forward");
    let result = match result {
        Ok(answered) => whole(answered).await,
        Err(settled) => Err(settled),
    };
    let (settled, answer) = match result {
        Ok((answer, body)) => (Settled::Answered(answer.clone()), Ok((answer, body))),
        Err(settled) => (settled.clone(), Err(settled)),
    };
    if let Err(fault) = engine.finish(receipt, settled).await {
        tracing::error!(%fault, "an outcome could not be recorded; it will be read back");
    }
    answer
}

/// For the agent: whether anything can have happened.
pub(crate) fn undelivered(settled: &Settled) -> String {
    match settled {
        Settled::NotSent(why) => {
            format!("Countersign (CS109) permitted this, and did not send it: {why}. Nothing was done.")
        }
        Settled::Answered(_) | Settled::Unknown(_) => {
            format!("Countersign forwarded this, and the outcome is not known: {}.", why(settled))
        }
    }
}

fn why(settled: &Settled) -> String {
    match settled {
        Settled::Answered(answer) => format!("it answered {}", answer.status),
        Settled::NotSent(why) => format!("nothing was sent: {why}"),
        Settled::Unknown(why) => why.clone(),
    }
}

/// The service that a signature speaks of, believed only for the wording of an error.
fn claimed_service(request: &Request) -> Option<&str> {
    let credential =
        request.header("authorization").and_then(|it| it.split_once("Credential=")).map(|(_, rest)| rest);
    credential?.split('/').nth(3)
}

fn refused(shape: Shape, refusal: &engine::Refusal, method: &str) -> Reply {
    let kind = match refusal.kind {
        RefusalKind::Held | RefusalKind::ContentNeeded => Refusal::Held,
        RefusalKind::Denied => Refusal::Denied,
        RefusalKind::SessionClosed => Refusal::Expired,
        RefusalKind::Replayed => Refusal::Replayed,
        RefusalKind::InFlight | RefusalKind::Turned => Refusal::Throttled,
        RefusalKind::Fault => Refusal::Fault,
    };
    refuse(shape, kind, &refusal.message, refusal.change, method)
}

fn refuse(shape: Shape, kind: Refusal, message: &str, change: Option<ChangeId>, method: &str) -> Reply {
    let id = change.map_or_else(|| "countersign".to_owned(), |it| it.to_string());
    let Answer { status, headers, body } = answer::refuse_as(shape, kind, message, &id, method);
    let headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    reply(status, &headers, change, body)
}

fn reply(status: u16, headers: &[(String, String)], change: Option<ChangeId>, body: Vec<u8>) -> Reply {
    let mut builder = hyper::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    if let Some(change) = change {
        builder = builder.header("x-countersign-change", change.to_string());
    }
    builder.body(full(body)).unwrap_or_else(|_| broken())
}

fn broken() -> Reply {
    let mut reply = hyper::Response::new(full(Vec::new()));
    *reply.status_mut() = hyper::StatusCode::FORBIDDEN;
    reply
}

fn full(body: Vec<u8>) -> BoxBody<Bytes, hyper::Error> {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed()
}
