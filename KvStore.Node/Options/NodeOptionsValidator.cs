using System.Numerics;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Options;

/// <summary>The ranges that <see cref="NodeOptions"/> states, proved before anything is opened.</summary>
[OptionsValidator]
internal sealed partial class NodeOptionsValidator : IValidateOptions<NodeOptions>
{
    /// <exception cref="StartupException">A value is out of its range; says which and what was expected.</exception>
    public static NodeOptions Proved(NodeOptions options)
    {
        var result = new NodeOptionsValidator().Validate(null, options);
        if (result.Failed)
            throw new StartupException(string.Join(' ', result.Failures));
        if (!BitOperations.IsPow2(options.Partitions))
        {
            throw new StartupException(
                $"KVSTORE_PARTITIONS is {options.Partitions}; a power of two from 1 to 4096 was expected.");
        }

        return options;
    }
}
