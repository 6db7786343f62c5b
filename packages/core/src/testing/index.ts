/**
 * Tests concurrent programs: `Simulator` runs them under schedules that a seed decides, in virtual time.
 *
 * @since 0.1.0
 */
export * as Simulator from "./Simulator.ts"
