/**
 * Fan out, fan in: bounded maps and gathers that keep what finished.
 *
 * @since 0.1.0
 */
export * from "./Options.ts"
export { type EffectsOf, type Outcomes, parallelGather } from "./parallelGather.ts"
export { parallelMap } from "./parallelMap.ts"
