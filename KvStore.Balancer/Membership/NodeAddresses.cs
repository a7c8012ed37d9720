using System.Collections.Immutable;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.ServiceDiscovery;

namespace KvStore.Balancer.Membership;

/// <summary>
/// The nodes' addresses; those of services are resolved again whenever service discovery says they changed.
/// </summary>
internal sealed class NodeAddresses(NodeSetting setting, ServiceEndpointResolver resolver)
{
    private readonly List<IChangeToken> _changes = [];
    private ImmutableArray<Uri> _addresses = setting.Urls;

    /// <summary>All addresses, in the setting's order. One caller at a time.</summary>
    public async ValueTask<ImmutableArray<Uri>> GetAsync(CancellationToken cancellation)
    {
        if (setting.Services.Length == 0 || (_changes.Count > 0 && !_changes.Exists(change => change.HasChanged)))
            return _addresses;
        var addresses = ImmutableArray.CreateBuilder<Uri>();
        _changes.Clear();
        foreach (var service in setting.Services)
        {
            var source = await resolver.GetEndpointsAsync($"http://{service}", cancellation);
            _changes.Add(source.ChangeToken);
            foreach (var endpoint in source.Endpoints)
            {
                var text = endpoint.ToString() ?? "";
                var url = text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}";
                if (NodeSetting.AsNodeUrl(url) is { } address && !addresses.Contains(address))
                    addresses.Add(address);
            }
        }

        return _addresses = addresses.ToImmutable();
    }
}
