import type { Command } from "commander";
import { type Act, finding, refused } from "../context.ts";
import { examples } from "../program.ts";
import type { UpOptions } from "../up/up.ts";

interface Options {
  readonly busPort?: string;
  readonly consolePort?: string;
  readonly broker?: string;
  readonly brokerProgram?: string;
  readonly for?: string;
  readonly deploy: boolean;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Runs everything on this machine: the forge (a bare repository), the control plane, the bus, the feed, the gateway, the strategies of env/paper as limited processes, and the console. " +
        "The first run deploys the checkout's strategies by proposals of its own; a later one resumes and deploys nothing. The checkout is never written to.",
    )
    .option("--bus-port <port>", "MQTT on 127.0.0.1 (default: 1883, or a free one if that is in use)")
    .option("--console-port <port>", "the console on 127.0.0.1 (default: 8080, or a free one if that is in use)")
    .option(
      "--broker <name>",
      "what the bus runs on: embedded, mosquitto or nats, the latter two as programs of this machine (default: embedded)",
    )
    .option("--broker-program <file>", "the broker's program (default: the one in the PATH)")
    .option(
      "--for <seconds>",
      "stop by itself so many seconds after bus, feed, gateway and console stand; a first run's deploys may still be under way then",
    )
    .option("--no-deploy", "the first run deploys nothing either")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway up", "until Ctrl-C; again: resumes"],
          ["slipway up --for 60 --console-port 0", "a minute, on any free port"],
          ["slipway up --state /tmp/try", "with a state of its own; remove the folder to start over"],
          ["slipway up --broker mosquitto", "on a real broker; everything else is the same"],
        ],
        {
          2: "refused: another one runs, a port you named is in use, the broker is not there, or the policies are wrong",
        },
      ),
    )
    .action((options: Options) =>
      act(async (context) => {
        const { parsePort } = await import("../up/ports.ts");
        const seconds = options.for === undefined ? undefined : Number(options.for);
        if (seconds !== undefined && !(seconds > 0 && seconds <= 86_400)) {
          return refused(context, [
            finding("seconds-malformed", `--for ${options.for} is no time`, "write seconds, 1 to 86400"),
          ]);
        }
        const ports: Record<"busPort" | "consolePort", number | undefined> = {
          busPort: undefined,
          consolePort: undefined,
        };
        for (const [key, option] of [
          ["busPort", "--bus-port"],
          ["consolePort", "--console-port"],
        ] as const) {
          const text = options[key];
          if (text === undefined) continue;
          ports[key] = parsePort(text);
          if (ports[key] === undefined)
            return refused(context, [
              finding("port-malformed", `${option} ${text} is no port`, "write 1 to 65535, or 0 for any free one"),
            ]);
        }
        const { chooseBroker } = await import("../up/broker.ts");
        const broker = await chooseBroker({
          ...{ name: options.broker, program: options.brokerProgram },
          ...{ cwd: context.cwd, searchPath: context.variables["PATH"] },
        });
        if (!broker.ok) return refused(context, [broker.error]);
        const { up } = await import("../up/up.ts");
        const asked: UpOptions = { ...ports, seconds, deploy: options.deploy, broker: broker.value };
        return up(context, asked);
      }),
    );
}
