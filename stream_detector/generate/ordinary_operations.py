"""What administrators and the platform do all day, beside the background of `generate.operations`.

Real names of operations of Azure Resource Manager, none of which executes code on a machine, and the
extensions that the platform's own services install. Holds no randomness and no rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from stream_detector.generate.operations import BACKGROUND, Operation, Payload

_AT_ONCE = """
Microsoft.Advisor/recommendations/suppressions/write
Microsoft.AlertsManagement/smartDetectorAlertRules/write
Microsoft.ApiManagement/service/apis/operations/policies/write
Microsoft.AppConfiguration/configurationStores/ListKeys/action
Microsoft.Authorization/policyDefinitions/write
Microsoft.Authorization/policyExemptions/write
Microsoft.Authorization/policySetDefinitions/write
Microsoft.Authorization/roleDefinitions/write
Microsoft.Automation/automationAccounts/runbooks/write
Microsoft.Automation/automationAccounts/schedules/write
Microsoft.Automation/automationAccounts/variables/write
Microsoft.Batch/batchAccounts/listkeys/action
Microsoft.Cdn/profiles/endpoints/Purge/action
Microsoft.CognitiveServices/accounts/listKeys/action
Microsoft.Compute/availabilitySets/write
Microsoft.Compute/galleries/images/write
Microsoft.Compute/virtualMachines/generalize/action
Microsoft.ContainerRegistry/registries/listCredentials/action
Microsoft.ContainerRegistry/registries/webhooks/write
Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action
Microsoft.CostManagement/exports/write
Microsoft.DataFactory/factories/pipelines/createRun/action
Microsoft.DataFactory/factories/triggers/start/action
Microsoft.Devices/IotHubs/listkeys/Action
Microsoft.DocumentDB/databaseAccounts/listConnectionStrings/action
Microsoft.DocumentDB/databaseAccounts/readonlykeys/action
Microsoft.EventGrid/eventSubscriptions/write
Microsoft.EventGrid/topics/listKeys/action
Microsoft.EventHub/namespaces/authorizationRules/write
Microsoft.EventHub/namespaces/eventhubs/write
Microsoft.EventHub/namespaces/eventhubs/consumergroups/write
Microsoft.Features/providers/features/register/action
Microsoft.Insights/actionGroups/write
Microsoft.Insights/activityLogAlerts/write
Microsoft.Insights/components/write
Microsoft.Insights/components/currentbillingfeatures/write
Microsoft.Insights/dataCollectionRules/write
Microsoft.Insights/dataCollectionRuleAssociations/write
Microsoft.Insights/scheduledQueryRules/write
Microsoft.Insights/webtests/write
Microsoft.Insights/workbooks/write
Microsoft.KeyVault/vaults/deploy/action
Microsoft.KeyVault/vaults/keys/write
Microsoft.Logic/workflows/run/action
Microsoft.Logic/workflows/triggers/listCallbackUrl/action
Microsoft.MachineLearningServices/workspaces/listKeys/action
Microsoft.ManagedIdentity/userAssignedIdentities/write
Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write
Microsoft.Maintenance/configurationAssignments/write
Microsoft.Network/applicationSecurityGroups/write
Microsoft.Network/dnsZones/A/write
Microsoft.Network/dnsZones/CNAME/write
Microsoft.Network/loadBalancers/backendAddressPools/join/action
Microsoft.Network/networkSecurityGroups/join/action
Microsoft.Network/privateDnsZones/A/write
Microsoft.Network/publicIPAddresses/join/action
Microsoft.Network/routeTables/join/action
Microsoft.Network/virtualNetworks/peer/action
Microsoft.NotificationHubs/namespaces/authorizationRules/listKeys/action
Microsoft.OperationalInsights/workspaces/savedSearches/write
Microsoft.OperationalInsights/workspaces/tables/write
Microsoft.PolicyInsights/remediations/write
Microsoft.Portal/dashboards/write
Microsoft.RecoveryServices/vaults/backupPolicies/write
Microsoft.Resources/deployments/cancel/action
Microsoft.Resources/templateSpecs/versions/write
Microsoft.ResourceHealth/healthevent/Activated/action
Microsoft.Security/autoProvisioningSettings/write
Microsoft.Security/securityContacts/write
Microsoft.SecurityInsights/incidents/write
Microsoft.SecurityInsights/alertRules/write
Microsoft.ServiceBus/namespaces/queues/write
Microsoft.ServiceBus/namespaces/topics/subscriptions/write
Microsoft.ServiceBus/namespaces/authorizationRules/listkeys/action
Microsoft.SignalRService/SignalR/listkeys/action
Microsoft.Sql/servers/auditingSettings/write
Microsoft.Sql/servers/databases/transparentDataEncryption/write
Microsoft.Storage/storageAccounts/managementPolicies/write
Microsoft.Storage/storageAccounts/fileServices/shares/write
Microsoft.Support/supportTickets/write
Microsoft.Web/sites/config/list/action
Microsoft.Web/sites/functions/listkeys/action
Microsoft.Web/sites/hostNameBindings/write
Microsoft.Web/sites/start/action
Microsoft.Web/sites/stop/action
Microsoft.Web/sites/slots/slotsswap/action
Microsoft.Web/certificates/write
"""
_SLOW = """
Microsoft.ApiManagement/service/write
Microsoft.App/containerApps/write
Microsoft.Cache/redis/write
Microsoft.Cdn/profiles/write
Microsoft.Compute/disks/delete
Microsoft.Compute/disks/endGetAccess/action
Microsoft.Compute/galleries/images/versions/write
Microsoft.Compute/restorePointCollections/restorePoints/write
Microsoft.Compute/virtualMachineScaleSets/deallocate/action
Microsoft.Compute/virtualMachineScaleSets/virtualMachines/reimage/action
Microsoft.Compute/virtualMachineScaleSets/virtualMachines/restart/action
Microsoft.Compute/virtualMachines/assessPatches/action
Microsoft.Compute/virtualMachines/capture/action
Microsoft.Compute/virtualMachines/installPatches/action
Microsoft.Compute/virtualMachines/redeploy/action
Microsoft.ContainerInstance/containerGroups/write
Microsoft.ContainerService/managedClusters/agentPools/write
Microsoft.DBforMySQL/flexibleServers/write
Microsoft.DBforPostgreSQL/flexibleServers/restart/action
Microsoft.DBforPostgreSQL/flexibleServers/write
Microsoft.DesktopVirtualization/hostPools/write
Microsoft.DocumentDB/databaseAccounts/write
Microsoft.HybridCompute/machines/write
Microsoft.HybridCompute/machines/assessPatches/action
Microsoft.KeyVault/vaults/delete
Microsoft.Network/applicationGateways/write
Microsoft.Network/azureFirewalls/write
Microsoft.Network/bastionHosts/write
Microsoft.Network/dnsZones/write
Microsoft.Network/loadBalancers/delete
Microsoft.Network/natGateways/write
Microsoft.Network/networkInterfaces/delete
Microsoft.Network/networkWatchers/flowLogs/write
Microsoft.Network/privateDnsZones/virtualNetworkLinks/write
Microsoft.Network/publicIPAddresses/delete
Microsoft.Network/routeTables/routes/write
Microsoft.Network/virtualNetworkGateways/write
Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write
Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/backup/action
Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/write
Microsoft.Resources/subscriptions/resourcegroups/moveResources/action
Microsoft.ServiceBus/namespaces/write
Microsoft.Sql/managedInstances/write
Microsoft.Sql/servers/databases/export/action
Microsoft.Sql/servers/elasticPools/write
Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action
Microsoft.Synapse/workspaces/write
Microsoft.VirtualMachineImages/imageTemplates/run/action
"""


@dataclass(frozen=True, slots=True)
class Agent:
    """An extension that a service of the platform installs on machines."""

    publisher: str
    type: str
    machine: str = "Microsoft.Compute/virtualMachines"
    """Resource type of the machine; the write of its extension is the operation."""

    @property
    def operation(self) -> str:
        return f"{self.machine}/extensions/write"


_SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets"
_ARC = "Microsoft.HybridCompute/machines"

AGENTS: tuple[Agent, ...] = (
    Agent("Microsoft.Azure.Monitor", "AzureMonitorLinuxAgent"),
    Agent("Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent"),
    Agent("Microsoft.Azure.Monitor", "AzureMonitorLinuxAgent", _SCALE_SET),
    Agent("Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent", _ARC),
    Agent("Microsoft.EnterpriseCloud.Monitoring", "MicrosoftMonitoringAgent"),
    Agent("Microsoft.EnterpriseCloud.Monitoring", "OmsAgentForLinux", _ARC),
    Agent("Microsoft.Azure.Monitoring.DependencyAgent", "DependencyAgentLinux"),
    Agent("Microsoft.Azure.Diagnostics", "IaaSDiagnostics"),
    Agent("Microsoft.Azure.NetworkWatcher", "NetworkWatcherAgentWindows"),
    Agent("Microsoft.GuestConfiguration", "ConfigurationforWindows"),
    Agent("Microsoft.GuestConfiguration", "ConfigurationForLinux"),
    Agent("Microsoft.Azure.Security", "IaaSAntimalware"),
    Agent("Microsoft.Azure.AzureDefenderForServers", "MDE.Linux"),
    Agent("Microsoft.Azure.AzureDefenderForServers", "MDE.Windows", _ARC),
    Agent("Microsoft.Azure.Security.LinuxAttestation", "GuestAttestation", _SCALE_SET),
    Agent("Microsoft.Azure.Security", "AzureDiskEncryption"),
    Agent("Microsoft.Azure.KeyVault", "KeyVaultForLinux", _SCALE_SET),
    Agent("Microsoft.Azure.RecoveryServices", "VMSnapshotLinux"),
    Agent("Microsoft.SqlServer.Management", "SqlIaaSAgent"),
    Agent("Microsoft.ManagedServices", "ApplicationHealthLinux", _SCALE_SET),
    Agent("Microsoft.CPlat.Core", "LinuxPatchExtension"),
)
"""What Azure Policy, Defender, Backup and the monitoring services write on their own account."""


def _operation(name: str, phases: int) -> Operation:
    """The operation with a resource of the types in its name: `T/a/b/write` acts on `T/a/a{n}/b/b{n}`."""
    segments = name.split("/")
    end = -2 if segments[-1].lower() == "action" else -1
    types = segments[1:end]
    path = "/".join([segments[0], *(f"{each}/{each.lower()}{{n}}" for each in types)])
    payload = Payload.REQUEST if segments[-1] == "write" else Payload.RESULT
    return Operation(name, path, phases, payload)


ORDINARY: tuple[Operation, ...] = (
    *BACKGROUND,
    *(_operation(name, 2) for name in _AT_ONCE.split()),
    *(_operation(name, 3) for name in _SLOW.split()),
)
"""What an ordinary tenant does, without the extensions of `AGENTS`."""
