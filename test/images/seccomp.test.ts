import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { beyond, lets, profileNames, readProfile, type SeccompProfile } from "./seccomp.ts";

/** As containerd 1.6.20 gave it to a container without capabilities: `ctr containers create --seccomp`, `ctr containers info`. */
const ceiling: SeccompProfile = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/seccomp/containerd-1.6.20-amd64.json"), "utf8"),
);

/** What RuntimeDefault lets through and no algorithm has a use for. */
const needless = [
  ...["ptrace", "personality", "io_uring_setup", "io_uring_enter", "io_uring_register", "fork", "vfork", "execveat"],
  ...[
    "modify_ldt",
    "socketcall",
    "memfd_secret",
    "mknod",
    "mknodat",
    "fanotify_mark",
    "pidfd_open",
    "process_mrelease",
  ],
  ...[
    "io_setup",
    "shmget",
    "semget",
    "msgget",
    "mq_open",
    "setxattr",
    "chown",
    "setuid",
    "setgid",
    "vmsplice",
    "splice",
  ],
  ...["adjtimex", "sched_setscheduler", "seccomp", "landlock_create_ruleset", "remap_file_pages", "mlockall"],
];
/** What it does not. */
const dangerous = [
  ...["keyctl", "add_key", "userfaultfd", "bpf", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot"],
  ...["process_vm_readv", "process_vm_writev", "perf_event_open", "kexec_load", "init_module", "open_by_handle_at"],
];

describe.each(profileNames)("the profile for %s", (name) => {
  const profile = readProfile(name);

  test("lets nothing through that containerd's own does not", () => expect(beyond(profile, ceiling)).toEqual([]));
  test("refuses whatever it does not name, and knows no other machine's calls", () => {
    expect(profile).toMatchObject({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1 });
    expect(profile.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]);
    expect(new Set(profile.syscalls.map(({ action }) => action))).toEqual(
      new Set(["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]),
    );
  });
  test.each(needless)("does without %s, which containerd's has", (call) => {
    expect(lets(ceiling, call)).toBe(true);
    expect(lets(profile, call)).toBe(false);
  });
  test.each(dangerous)("has no %s", (call) => expect(lets(profile, call)).toBe(false));
});

describe("a profile beyond another one", () => {
  const allow = (names: readonly string[], args?: SeccompProfile["syscalls"][number]["args"]): SeccompProfile => ({
    ...{ defaultAction: "SCMP_ACT_ERRNO", architectures: [] },
    syscalls: [{ names, action: "SCMP_ACT_ALLOW", ...(args === undefined ? {} : { args }) }],
  });
  const equal = (value: number) => [{ index: 0, value, op: "SCMP_CMP_EQ" }];
  const masked = (value: number, valueTwo: number) => [{ index: 0, value, valueTwo, op: "SCMP_CMP_MASKED_EQ" }];
  test.each([
    ["another call", allow(["a", "b"]), allow(["a"]), 1],
    ["any argument instead of one", allow(["a"]), allow(["a"], equal(1)), 1],
    ["another argument", allow(["a"], equal(2)), allow(["a"], equal(1)), 1],
    ["one argument instead of any", allow(["a"], equal(2)), allow(["a"]), 0],
    ["a value under a mask", allow(["a"], equal(0x10001)), allow(["a"], masked(0x7e020000, 0)), 0],
    ["a value that the mask holds back", allow(["a"], equal(0x20000)), allow(["a"], masked(0x7e020000, 0)), 1],
    ["a wider mask", allow(["a"], masked(0x7e030000, 0x10000)), allow(["a"], masked(0x7e020000, 0)), 0],
    ["a narrower mask", allow(["a"], masked(0x7e020000, 0)), allow(["a"], masked(0x7e030000, 0x10000)), 1],
  ])("%s", (_, one, other, count) => expect(beyond(one, other)).toHaveLength(count));
});
