using KvStore.Contracts;
using Microsoft.Extensions.Configuration;

namespace KvStore.Client.Configuration;

/// <summary>Keys of a bucket as a source of configuration, which follows their changes.</summary>
public sealed class KvStoreConfigurationSource : IConfigurationSource
{
    /// <summary>
    /// Where the store is, as <see cref="KvStoreClientSettings.ConnectionString"/>; names of service discovery are not
    /// understood, since configuration is read before there are services.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>The bucket.</summary>
    public string Bucket { get; set; } = BucketName.Default;

    /// <summary>
    /// Under what the keys stand: with <c>app</c> the key <c>app/a/b</c> is the setting <c>a:b</c>; empty: all keys of
    /// the bucket.
    /// </summary>
    public string Prefix { get; set; } = "";

    /// <summary>
    /// Whether a program starts also when nothing can be read yet; it gets the settings when they can be.
    /// </summary>
    public bool Optional { get; set; }

    /// <summary>How long each request of the first reading may take: more than 0, at most a minute.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether a value that is JSON becomes a setting for each of its members, as in a file; else it is one setting
    /// with that text. A value is JSON when its media type says so.
    /// </summary>
    public bool FlattensJson { get; set; } = true;

    /// <summary>
    /// Told when the settings cannot be read or followed, each time that it is tried: those that were read last stay.
    /// Told as well when somebody fails who was told of a change. What it throws itself ends nothing once the settings
    /// are followed.
    /// </summary>
    public Action<Exception>? OnFailure { get; set; }

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder)
    {
        if (LoadTimeout <= TimeSpan.Zero || LoadTimeout > KvTimeout.Max)
            throw new InvalidOperationException("LoadTimeout must be more than 0 and at most a minute.");
        return new KvStoreConfigurationProvider(this);
    }
}
