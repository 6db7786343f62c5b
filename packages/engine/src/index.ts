/**
 * Jobs with dependencies, conditions and limits.
 *
 * @since 0.1.0
 */
export * as Condition from "./Condition.ts"
export * as Engine from "./Engine.ts"
export * as Graph from "./Graph.ts"
export * as Job from "./Job.ts"
