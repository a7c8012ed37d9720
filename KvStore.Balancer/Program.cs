using KvStore.Balancer;
using KvStore.ServiceDefaults;

return args is [Probe.Verb]
    ? await Probe.RunAsync(BalancerApp.PortVariable, BalancerApp.DefaultPort)
    : await StartupErrors.RunOrExplainAsync(() => BalancerApp.Build(args));
