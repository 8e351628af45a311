import { EXIT, type ExitCode } from "../exit.ts";
export async function run(): Promise<ExitCode> { return EXIT.bug; }
