//! Cedar: schema, constitution, grants, the decision and the least requirement that would allow it; pure.
