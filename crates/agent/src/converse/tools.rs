//! What a model is told that it is, and the tools that it is given: six that look (one of them at a server, and offered where there is one), and
//! two that ask for a plan.

/// A tool as the edge offers it; the schema is held against every call.
#[derive(Clone, Copy, Debug)]
pub struct ToolText {
    pub name: &'static str,
    pub about: &'static str,
    pub schema: &'static str,
}

/// What is asked of a server.
#[cfg(feature = "llm")]
pub(crate) const OF_A_SERVER: &str = "change_status";

pub const INSTRUCTIONS: &str = "You help a person to operate a cloud account through Countersign, which is change control: whatever changes \
something is planned first, judged by rules, and in production agreed to by people with their own keys.

You can look (inventory, findings, costs, explain, resource, and change_status where it is offered) and you can ask for a plan (propose_plan, propose_steps). You have \
no shell and cannot change anything, approve anything, or raise your rights; do not say that you did. Prefer propose_plan: the planner derives \
the steps. Use propose_steps only where no goal fits; steps that cannot be derived are marked and need more people. Repair things where they \
stand: never propose to delete something and make it anew.

Work from what the tools return and say so; where something was not read, it is not known. Ask the person where something is unclear. Answer \
in short Markdown.";

pub const TOOLS: [ToolText; 8] = [
    ToolText {
        name: "inventory",
        about: "What there is: counts by kind, or the names of one kind.",
        schema: r#"{"type": "object", "additionalProperties": false, "properties": {
            "kind": {"type": "string", "maxLength": 64, "description": "as ec2:volume; without it, counts of all kinds"}}}"#,
    },
    ToolText {
        name: "findings",
        about: "What is wrong or wasteful, by all analyzers or by one.",
        schema: r#"{"type": "object", "additionalProperties": false, "properties": {
            "analyzer": {"type": "string", "maxLength": 64, "description": "as volume-unattached"}}}"#,
    },
    ToolText {
        name: "costs",
        about: "What it costs a month, by service, by a tag, or what each analyzer's findings would save.",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["by"], "properties": {
            "by": {"type": "string", "enum": ["service", "tag", "finding"]},
            "tag": {"type": "string", "minLength": 1, "maxLength": 128, "description": "the tag's key, where by is tag"}}}"#,
    },
    ToolText {
        name: "explain",
        about: "One finding whole: facts, confidence, traps, what is proposed.",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["finding"], "properties": {
            "finding": {"type": "string", "minLength": 1, "maxLength": 2100, "description": "its id"}}}"#,
    },
    ToolText {
        name: "resource",
        about: "What is wrong with one resource, and with what hangs together with it.",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 2048, "description": "its id or name"}}}"#,
    },
    ToolText {
        name: "change_status",
        about: "How a change stands that was proposed before.",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["change"], "properties": {
            "change": {"type": "string", "minLength": 1, "maxLength": 64, "description": "its id"}}}"#,
    },
    ToolText {
        name: "propose_plan",
        about: "Asks the planner for plans for a goal. Nothing is carried out.",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["goal"], "properties": {
            "goal": {"type": "string", "enum": ["rightsize", "clean-up", "repair", "roll-back-service", "roll-back-stack", "deploy-service", "restore-configuration"]},
            "analyzer": {"type": "string", "minLength": 1, "maxLength": 64, "description": "rightsize, clean-up, repair: only what this one finds"},
            "resources": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "string", "minLength": 1, "maxLength": 2048}, "description": "rightsize, clean-up, repair: only these, by id or name"},
            "findings": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "string", "minLength": 1, "maxLength": 2100}, "description": "rightsize, clean-up, repair: only these, by id"},
            "name": {"type": "string", "minLength": 1, "maxLength": 2048, "description": "roll-back, deploy, restore-configuration: the service, stack or resource"},
            "task_definition": {"type": "string", "minLength": 1, "maxLength": 300, "description": "deploy-service: what is to run; roll-back-service: where to"}}}"#,
    },
    ToolText {
        name: "propose_steps",
        about: "Asks for a plan of steps of your own, where no goal fits. Each is derived again from the snapshot and the operation table, or marked.",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["why", "steps"], "properties": {
            "why": {"type": "string", "minLength": 1, "maxLength": 1000},
            "steps": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "object", "additionalProperties": false,
                "required": ["service", "operation", "region", "parameters", "why"], "properties": {
                "service": {"type": "string", "minLength": 1, "maxLength": 64, "description": "as the AWS CLI names it"},
                "operation": {"type": "string", "minLength": 1, "maxLength": 128},
                "region": {"type": "string", "minLength": 1, "maxLength": 32},
                "parameters": {"type": "string", "minLength": 2, "maxLength": 16384, "description": "a JSON object of the members by their names on the wire"},
                "why": {"type": "string", "minLength": 1, "maxLength": 500}}}}}}"#,
    },
];
