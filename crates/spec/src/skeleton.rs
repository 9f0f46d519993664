//! What a new specification begins with: headings, and nothing that pretends to be a requirement.

use crate::{intent::Intent, layout, specification::Files};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Feature,
    Bugfix,
}

const REQUIREMENTS: &str = "# Requirements Document

## Introduction

## Glossary

## Requirements
";

const BUGFIX: &str = "# Bugfix Requirements Document

## Introduction

## Bug Analysis

### Current Behavior (Defect)

### Expected Behavior (Correct)

### Unchanged Behavior (Regression Prevention)
";

const DESIGN: &str = "# Design Document

## Overview

## Architecture

## Components and Interfaces

## Data Models

## Correctness Properties

## Error Handling

## Testing Strategy
";

const TASKS: &str = "# Implementation Plan
";

/// The files of a new folder.
pub fn skeleton(sort: Sort, intent: Option<&Intent>) -> Files {
    let (goal, text) = match sort {
        Sort::Feature => (layout::REQUIREMENTS, REQUIREMENTS),
        Sort::Bugfix => (layout::BUGFIX, BUGFIX),
    };
    let mut files: Files = [(goal, text), (layout::DESIGN, DESIGN), (layout::TASKS, TASKS)]
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        .into();
    if let Some(intent) = intent {
        files.insert(layout::INTENT.to_owned(), intent.file().into_bytes());
    }
    files
}
