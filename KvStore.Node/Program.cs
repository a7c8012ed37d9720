using KvStore.Node;
using KvStore.ServiceDefaults;

return args is [Probe.Verb]
    ? await Probe.RunAsync(NodeProgram.PortVariable, NodeProgram.DefaultPort)
    : await StartupErrors.RunOrExplainAsync(() => NodeProgram.Build(args));
