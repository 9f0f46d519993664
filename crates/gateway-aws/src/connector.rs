//! What the engine asks of this gateway: understanding a proposal, and carrying out a captured inverse, which is an
//! action like any other, marked as undo by the engine.

use std::sync::Arc;

use classify_aws::{
    call::{self, Call},
    classify::Target,
    gather::look,
};
use engine::{
    Admitted, Asked, By, Connector, Engine, Gathered, Later, Proposed, Purpose, Refusal, RefusalKind, Undoing,
};
use model::{Action, ActionParts, CapturedUndo, ChangeId, Digest, Session, Sight, Sought};
use policy::Bundle;

use crate::{
    Gateway,
    collect::{Gatherer, gather, route, signing_name, submit, understand},
    forward::Content,
    overrides::objections,
    serve::{carry_out, undelivered},
};

impl Connector for Gateway {
    fn prepare<'a>(
        &'a self,
        engine: &'a Engine,
        session: &'a Session,
        asked: Proposed,
    ) -> Later<'a, Result<(Action, Gathered), Refusal>> {
        Box::pin(async move {
            let denied = |message: String| Refusal { kind: RefusalKind::Denied, change: None, message };
            let Proposed { service, operation, region, parameters } = asked;
            let call = Call { service, operation, region, parameters };
            let request = call::build(&call)
                .map_err(|err| denied(format!("{}:{}: {err}", call.service, call.operation)))?;
            let bundle = engine.bundle();
            let classified = understand(
                &self.terms,
                (engine, &bundle),
                request,
                signing_name(&call.service),
                &call.region,
                &self.target_of(&bundle, session),
            )
            .map_err(|(_, why)| denied(why))?;
            let gathered = gather(self, engine, &classified.action, &classified.params).await;
            Ok((classified.action, gathered))
        })
    }

    fn undo<'a>(
        &'a self,
        engine: &'a Engine,
        undo: CapturedUndo,
        done: &'a ActionParts,
        undoing: Undoing,
    ) -> Later<'a, Result<ChangeId, Refusal>> {
        Box::pin(async move {
            let of = undoing.of;
            let session = engine.session_of_change(of).await?;
            let denied = |message: String| Refusal { kind: RefusalKind::Denied, change: Some(of), message };
            let target = Target {
                partition: done.partition.clone(),
                account: done.account.clone(),
                acting_as: done.acting_as.clone(),
            };
            let Undoing { step, by, .. } = &undoing;
            let signature = Digest::of(format!("undo {of} {step} {by} {}", engine.nonce()?).as_bytes());
            let (session, mut request) = (Arc::new(session), undo.request);
            loop {
                let under = engine.bundle();
                let classified =
                    understand(&self.terms, (engine, &under), request, &undo.service, &undo.region, &target)
                        .map_err(|(_, why)| {
                            denied(format!("the captured inverse cannot be understood: {why}"))
                        })?;
                let route = route(&classified, &undo.region, &target);
                let gatherer = Gatherer { gateway: self, params: classified.params };
                let asked = Asked {
                    session: Arc::clone(&session),
                    action: classified.action,
                    under,
                    signature,
                    purpose: Purpose::Undo(undoing.clone()),
                };
                let permit = match engine.admit(asked, &gatherer).await {
                    Admitted::Refused(refusal) => return Err(refusal),
                    Admitted::Recorded { change, .. } => return Ok(change),
                    Admitted::Permit(permit) => permit,
                    Admitted::Turned(again) => {
                        request = *again;
                        continue;
                    }
                };
                let change = permit.change().unwrap_or(of);
                return match carry_out(self, engine, permit, &route, Content::Whole).await {
                    Ok((answer, _)) if answer.succeeded() => Ok(change),
                    // It may repeat what the inverse would restore, and an agent does not see that.
                    Ok((answer, _)) if matches!(undoing.by, By::Agent(_)) => {
                        Err(denied(format!("the upstream refused the undo ({})", answer.status)))
                    }
                    Ok((answer, body)) => Err(denied(format!(
                        "the upstream refused the undo ({}): {}",
                        answer.status,
                        model::sanitize(&String::from_utf8_lossy(&body), 400)
                    ))),
                    Err(settled) => {
                        Err(denied(format!("the undo did not go through: {}", undelivered(&settled))))
                    }
                };
            }
        })
    }

    fn look<'a>(
        &'a self,
        engine: &'a Engine,
        action: &'a ActionParts,
        sought: &'a Sought,
    ) -> Later<'a, Sight> {
        Box::pin(async move {
            let Some(look) = look(action, sought) else {
                return Sight::Unknown("no table says how it is looked for".to_owned());
            };
            let target = Target::new(action.partition.clone(), action.account.clone());
            match submit(engine, &self.upstream, &self.terms, &target, look.call()).await {
                Ok(answer) => look.seen(&answer),
                Err(why) => Sight::Unknown(why),
            }
        })
    }

    fn fits<'a>(&'a self, engine: &'a Engine, next: &'a Bundle) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            if let Some(wrong) = objections(next).first() {
                return Err(format!("overrides.toml: {wrong}; {}", wrong.hint));
            }
            let now = engine.recorded_time().map_err(|fault| fault.to_string())?;
            self.check(next, now).await.map_err(|err| format!("{err}; {}", err.hint()))
        })
    }
}
