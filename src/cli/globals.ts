import type { Millis } from "../core/units.ts";
import type { Globals, OptionSpec, OptionValue } from "./spec.ts";

/** Options that every command understands. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: "--env <name>", description: "environment of the configuration" },
  { flags: "--service <name>", description: "service, where the file has several" },
  {
    flags: "--config <file>",
    description: "configuration file; by default teal.yaml here or in a folder above",
  },
  {
    flags: "--region <name>",
    description: "AWS region, instead of the configuration's and the environment's",
  },
  { flags: "--json", description: "journal events as lines of JSON, then one result object (docs/json.md)" },
  { flags: "-y, --yes", description: "confirm what would be asked" },
  { flags: "-q, --quiet", description: "only the result" },
  { flags: "-v, --verbose", description: "more detail; a bug shows its stack" },
  {
    flags: "--wait-lock <duration>",
    description: "wait so long for another deployment to let go of the service",
    reads: "duration",
  },
  {
    flags: "--timeout <duration>",
    description: "let go after so long; the deployment stays open",
    reads: "duration",
  },
];

/** Takes the global options out of all that were typed. */
export function globalsOf(options: Readonly<Record<string, OptionValue>>): Globals {
  const given = <T>(name: string) => (options[name] === undefined ? {} : { [name]: options[name] as T });
  return {
    ...given<string>("env"),
    ...given<string>("service"),
    ...given<string>("config"),
    ...given<string>("region"),
    ...given<Millis>("waitLock"),
    ...given<Millis>("timeout"),
    json: options["json"] === true,
    yes: options["yes"] === true,
    quiet: options["quiet"] === true,
    verbose: options["verbose"] === true,
  };
}

/** The same options as words, for a command that is started to go on in the background. */
export function globalWords(globals: Globals, file: string): readonly string[] {
  return [
    "--config",
    file,
    ...(globals.env === undefined ? [] : ["--env", globals.env]),
    ...(globals.service === undefined ? [] : ["--service", globals.service]),
    ...(globals.region === undefined ? [] : ["--region", globals.region]),
  ];
}
