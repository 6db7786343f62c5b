/** Programs that found a bug, made small: each is run again under many schedules, and interrupted at every step. The name says what was wrong. */
import type { Program } from "./language.ts"

const one = [1]

export const found: Readonly<Record<string, Program>> = {
  "whoever waited for a group between two steps, when it became idle, was never woken": {
    limiters: one,
    main: [
      { op: "scoped", options: { concurrency: 1, onFailure: "isolate" }, body: [{ op: "spawn", group: 0, task: [], priority: "normal" }] }
    ]
  },
  "a group returned while it was still refusing what was queued": {
    limiters: one,
    main: [
      {
        op: "group",
        options: { concurrency: 1, onFailure: "interrupt" },
        body: [
          {
            op: "spawn",
            group: 0,
            priority: "normal",
            task: [
              {
                op: "group",
                options: { concurrency: 1, timeout: 1, queueTimeout: 0, onFailure: "isolate" },
                body: [
                  { op: "spawn", group: 0, task: [{ op: "spawn", group: 1, task: [], priority: "normal" }], priority: "normal" },
                  { op: "spawn", group: 0, task: [], priority: "normal" },
                  { op: "ensure", body: [{ op: "fail" }], cleanup: { takes: 0, ends: "value" } }
                ]
              }
            ]
          },
          { op: "spawn", group: 0, task: [], priority: "normal" }
        ]
      }
    ]
  },
  "a task that was stopped while its place was on the way back never went on": {
    limiters: one,
    main: [
      {
        op: "group",
        options: { concurrency: 1, timeout: 2, onFailure: "isolate" },
        body: [
          {
            op: "spawn",
            group: 0,
            timeout: 0,
            priority: "normal",
            task: [
              {
                op: "spawn",
                group: 0,
                task: [
                  { op: "spawn", group: 0, task: [], priority: "low" },
                  { op: "await", handle: 0 }
                ],
                priority: "normal"
              }
            ]
          },
          {
            op: "spawn",
            group: 0,
            priority: "low",
            task: [
              {
                op: "group",
                options: { concurrency: 1, grace: 0, onFailure: "isolate" },
                body: [
                  { op: "spawn", group: 0, task: [], priority: "normal" },
                  { op: "sleep", ms: 3 }
                ]
              }
            ]
          }
        ]
      }
    ]
  },
  "what cleanup died with was lost when children had to be waited for": {
    limiters: one,
    main: [
      {
        op: "gather",
        form: "map",
        options: { concurrency: 1, onFailure: "isolate", stop: 1 },
        tasks: [[{ op: "ensure", body: [{ op: "fork", body: [{ op: "sleep", ms: 13 }] }], cleanup: { takes: 3, ends: "die" } }]]
      }
    ]
  },
  "what cleanup failed with was lost when it was interrupted at once and had children": {
    limiters: one,
    main: [
      {
        op: "group",
        options: { concurrency: 1, queueTimeout: 0, grace: 0, onFailure: "isolate" },
        body: [
          {
            op: "spawn",
            group: 0,
            timeout: 3,
            priority: "normal",
            task: [
              { op: "fork", body: [{ op: "sleep", ms: 8 }] },
              {
                op: "ensure",
                body: [{ op: "permit", limiter: 0, weight: 1, priority: "normal", body: [{ op: "sleep", ms: 13 }] }],
                cleanup: { takes: 0, ends: "fail" }
              }
            ]
          },
          { op: "spawn", group: 0, task: [], priority: "normal" }
        ]
      }
    ]
  },
  "a value was lost between the end of the task and the end of its permit": {
    limiters: one,
    main: [
      {
        op: "gather",
        form: "map",
        options: { concurrency: 2, grace: 0, onFailure: "isolate", limiter: 0 },
        tasks: [[{ op: "sleep", ms: 0 }]]
      }
    ]
  },
  "a ring of permits through the owner of a group was not seen": {
    limiters: [2],
    main: [
      {
        op: "gather",
        form: "map",
        options: { concurrency: 2, onFailure: "isolate", limiter: 0 },
        tasks: [
          [{ op: "permit", limiter: 0, weight: 2, priority: "normal", body: [] }],
          [
            {
              op: "group",
              options: { concurrency: 1, taskTimeout: 0, grace: 0, onFailure: "isolate" },
              body: [
                { op: "spawn", group: 0, task: [], priority: "normal" },
                { op: "permit", limiter: 0, weight: 2, priority: "normal", body: [] }
              ]
            }
          ]
        ]
      }
    ]
  },
  "the value of a group's body was lost while the body's children were cleaning up": {
    limiters: one,
    main: [
      {
        op: "group",
        options: { concurrency: 1, timeout: 0, grace: 0, onFailure: "isolate" },
        body: [
          { op: "spawn", group: 0, task: [], priority: "normal" },
          { op: "fork", body: [{ op: "ensure", body: [], cleanup: { takes: 60_000, ends: "value" } }] }
        ]
      }
    ]
  },
  "two fibers of one task took its one place back twice": {
    limiters: one,
    main: [
      {
        op: "uninterruptible",
        body: [
          {
            op: "group",
            options: { concurrency: 1, taskTimeout: 8, onFailure: "isolate" },
            body: [
              {
                op: "spawn",
                group: 0,
                priority: "normal",
                task: [
                  { op: "spawn", group: 0, task: [], priority: "low" },
                  { op: "spawn", group: 0, task: [{ op: "cancel", handle: 0 }], priority: "normal" },
                  {
                    op: "group",
                    options: { concurrency: 1, queueTimeout: 0, onFailure: "isolate" },
                    body: [
                      { op: "spawn", group: 0, task: [{ op: "await", handle: 1 }], priority: "normal" },
                      { op: "await", handle: 0 }
                    ]
                  }
                ]
              }
            ]
          }
        ]
      }
    ]
  },
  "a retry under a deadline that had passed unheard was forgotten": {
    limiters: one,
    main: [
      {
        op: "deadline",
        ms: 3,
        body: [
          {
            op: "uninterruptible",
            body: [
              {
                op: "gather",
                form: "map",
                options: { concurrency: 1, onFailure: "isolate", attemptTimeout: 5, retry: 1 },
                tasks: [[{ op: "sleep", ms: 8 }]]
              }
            ]
          }
        ]
      }
    ]
  },
  "a task that was stopped already did not tell what was inside of it that its own time was over": {
    limiters: one,
    main: [
      {
        op: "group",
        options: { concurrency: 1, onFailure: "isolate" },
        body: [
          {
            op: "spawn",
            group: 0,
            timeout: 5,
            priority: "normal",
            task: [
              {
                op: "scoped",
                options: { concurrency: 1, grace: 0, onFailure: "isolate" },
                body: [
                  {
                    op: "spawn",
                    group: 0,
                    priority: "normal",
                    task: [
                      {
                        op: "group",
                        options: { concurrency: 1, taskTimeout: 0, onFailure: "isolate" },
                        body: [
                          { op: "spawn", group: 0, task: [], priority: "normal" },
                          { op: "sleep", ms: 13 }
                        ]
                      },
                      { op: "spawn", group: 0, task: [], priority: "normal" }
                    ]
                  },
                  { op: "ensure", body: [], cleanup: { takes: 60_000, ends: "value" } }
                ]
              }
            ]
          },
          { op: "timeout", ms: 0, body: [{ op: "permit", limiter: 0, weight: 1, priority: "normal", body: [{ op: "fail" }] }] }
        ]
      }
    ]
  },
  "a retry whose back-off began while the call was stopped was forgotten, or settled twice": {
    limiters: one,
    main: [
      {
        op: "gather",
        form: "map",
        options: { concurrency: "unbounded", onFailure: "isolate", retry: 1, backOff: 13, stop: 8 },
        tasks: [[{ op: "sleep", ms: 3 }, { op: "fail" }], [{ op: "fail" }]]
      }
    ]
  },
  "a resize to fewer permits closed a ring that nobody looked for": {
    limiters: [3],
    main: [
      {
        op: "permit",
        limiter: 0,
        weight: 2,
        priority: "normal",
        body: [
          {
            op: "gather",
            form: "map",
            options: { concurrency: "unbounded", onFailure: "isolate", limiter: 0 },
            tasks: [
              [
                { op: "sleep", ms: 1 },
                { op: "resize", limiter: 0, permits: 2 },
                { op: "sleep", ms: 1 }
              ],
              [{ op: "permit", limiter: 0, weight: 2, priority: "normal", body: [] }],
              [{ op: "permit", limiter: 0, weight: 2, priority: "normal", body: [] }]
            ]
          }
        ]
      }
    ]
  }
}
