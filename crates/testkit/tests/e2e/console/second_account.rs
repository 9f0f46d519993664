//! Another account is no other person: the operator who comes in by an account elsewhere is the operator still, and somebody else's
//! login lends them nothing. The same way, by somebody outside the chain, counts.

use anyhow::{Result, ensure};

use super::by_hand::{Desk, OF_STATEMENTS, told};

#[test]
fn by_no_account_does_the_operator_approve_their_own_agent() -> Result<()> {
    let desk = Desk::with_accounts()?;
    let id = desk.lab.hold("orders")?;
    let by_passkey = desk.sign_in(&desk.olga)?;
    let by_account = desk.signs_in_as("olga")?;
    for cookie in [&by_passkey, &by_account] {
        told(&desk.approves(&desk.olga, cookie, &id)?, 403, "olga answers for this session as its operator")?;
    }

    // Ben comes in by an account too: what counts is his key, and that he is nobody of the chain.
    let bens = desk.signs_in_as("ben")?;
    // With his login and his words, but the operator's key.
    let statement = desk.statement(&bens, &id)?;
    let signature = desk.touched(&desk.olga, OF_STATEMENTS, &statement);
    let lent = desk.hands_in(&bens, &id, (&statement, &signature))?;
    ensure!([400, 401, 403].contains(&lent.status), "{} {}", lent.status, lent.text());
    ensure!(desk.approvals(&id)? == 0 && desk.lab.state(&id)? == "held");
    told(&desk.approves(&desk.ben, &bens, &id)?, 200, "recorded")?;
    ensure!(desk.approvals(&id)? == 1);

    let refused = desk.lab.entries_of("approval_refused", 2)?;
    ensure!(refused.iter().all(|entry| entry["actors"]["person"] == "olga"), "{refused:#?}");
    let signed_in = desk.lab.entries_of("signed_in", 3)?;
    let by_account = signed_in.iter().filter(|entry| entry["detail"]["identity"].is_string()).count();
    ensure!(by_account == 2, "{signed_in:#?}");
    desk.lab.verify()?.expect(0).map(drop)
}
