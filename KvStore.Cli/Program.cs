using KvStore.Cli;

return await CommandLine.RunAsync(args, Terminal.OfProcess());
