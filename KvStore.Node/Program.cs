using KvStore.Node;
using KvStore.ServiceDefaults;

return await StartupErrors.RunOrExplainAsync(() => NodeProgram.Build(args));
