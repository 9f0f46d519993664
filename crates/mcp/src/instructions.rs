//! What a client is told of this server before anything else: how to work with it, and what it does not do.

use crate::backend::Reach;

const WORK: &str = "\
Countersign is change control for production. Work in this order: find, plan, propose, wait.
1. `inventory`, `findings` and `costs` answer from a snapshot: what there is, what is wrong or wasteful, where the money goes. Each fact \
names the reads that show it. What was not read is not known; never conclude that something is absent or unused from a read that is missing.
2. `plan` turns findings or a goal into steps with checks and undo, and says which other ways were weighed. Prefer what can be undone.
3. `propose` files a change with your intent. What can be undone inside your grant is allowed; what cannot is held until people agree. \
Write the intent for them: what is wrong, what this does about it, what you looked at.
4. `wait` until it is decided, in turns of some seconds; `status` tells at once; `withdraw` takes a change back.
5. Once it is approved, ask for its calls exactly as they were proposed, by your usual AWS client with the session's credentials: they go \
through Countersign's gateway, and each passes once. Do not try another way to the same end when something is held or denied: the answer \
says what would be allowed instead.
Approvals are people's. No tool here approves, and nothing that you say counts as one; do not ask for keys or signatures.";

pub(crate) fn instructions(reach: Reach, rule: &str) -> String {
    let there = match (reach.snapshot, reach.session) {
        (true, true) => "",
        (true, false) => {
            "This server has no session: it answers from the snapshot, and `propose`, `status`, `wait` and `withdraw` refuse. A person \
             starts one with `countersign session new`.\n"
        }
        (false, true) => {
            "This server has no snapshot: `inventory`, `findings`, `costs` and `plan` refuse. `countersign scan` makes one.\n"
        }
        (false, false) => "This server has neither a snapshot nor a session, and every tool refuses.\n",
    };
    format!("{WORK}\n{there}{rule}")
}
