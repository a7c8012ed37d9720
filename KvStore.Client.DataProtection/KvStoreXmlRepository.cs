using System.Text;
using System.Xml;
using System.Xml.Linq;
using KvStore.Contracts;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace KvStore.Client.DataProtection;

/// <summary>
/// The elements of a key ring, each under a key of its own that is written once and never ends. None is ever replaced.
/// </summary>
/// <param name="bucket">Where they are.</param>
/// <param name="prefix">What their keys begin with, up to a slash, which is added where it ends without one.</param>
internal sealed class KvStoreXmlRepository(KvBucket bucket, string prefix) : IXmlRepository
{
    private static readonly KvWriteOptions Kept = new()
    {
        TimeToLive = Timeout.InfiniteTimeSpan,
        ContentType = "application/xml",
        Ack = KvAck.Quorum,
    };

    private readonly string _prefix = prefix.EndsWith('/') ? prefix : $"{prefix}/";

    /// <summary>Also where the client or the bucket has a weaker word; lists are strong always.</summary>
    private static readonly KvReadOptions Strong = new() { Consistency = Consistency.Strong };

    /// <inheritdoc/>
    public IReadOnlyCollection<XElement> GetAllElements() => ReadAsync().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public void StoreElement(XElement element, string friendlyName)
    {
        ArgumentNullException.ThrowIfNull(element);
        StoreAsync(element.ToString(SaveOptions.DisableFormatting), friendlyName).GetAwaiter().GetResult();
    }

    private async Task<List<XElement>> ReadAsync()
    {
        var elements = new List<XElement>();
        await foreach (var entry in bucket.ListAsync<string>(_prefix).ConfigureAwait(false))
            elements.Add(Parse(entry.Key, entry.Value));
        return elements;
    }

    /// <summary>
    /// Stores it under its name; where that is taken by another element, or is no key, under one of its own.
    /// </summary>
    private async Task StoreAsync(string xml, string? name)
    {
        var key = _prefix + name;
        if (!string.IsNullOrEmpty(name) && KeyPath.Refuse(Encoding.UTF8.GetBytes(key)) is null)
        {
            var created = await bucket.CreateAsync(key, xml, Kept).ConfigureAwait(false);
            if (created.IsApplied || (await bucket.GetAsync<string>(key, Strong).ConfigureAwait(false))?.Value == xml)
                return;
        }

        key = _prefix + Guid.NewGuid();
        if (!(await bucket.CreateAsync(key, xml, Kept).ConfigureAwait(false)).IsApplied)
            throw new InvalidOperationException($"The key '{key}' is taken, which is a new one.");
    }

    private static XElement Parse(string key, string xml)
    {
        try
        {
            return XElement.Parse(xml);
        }
        catch (XmlException wrong)
        {
            throw new InvalidDataException($"The key '{key}' holds no XML: {wrong.Message}", wrong);
        }
    }
}
