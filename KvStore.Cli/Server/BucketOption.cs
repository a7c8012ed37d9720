using System.CommandLine;
using KvStore.Contracts;

namespace KvStore.Cli.Server;

/// <summary>The option <c>--bucket</c>: where the keys are.</summary>
internal static class BucketOption
{
    public static Option<string> Build()
    {
        var option = new Option<string>("--bucket", "-b")
        {
            Description = "The bucket that the key is in.",
            HelpName = "NAME",
            DefaultValueFactory = _ => BucketName.Default,
        };
        option.Validators.Add(result =>
        {
            if (!BucketName.IsValid(result.GetValueOrDefault<string>()))
                result.AddError($"--bucket: {BucketName.Rule}");
        });
        return option;
    }
}
