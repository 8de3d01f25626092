"""The catalogue of administrative operations that make up the background of a generated stream.

Real Azure operation names with the resource they act on. Holds no randomness and no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Payload(StrEnum):
    """What a record carries in `properties` beside the common keys."""

    RESULT = "result"
    """Status code and service request id only."""
    REQUEST = "request"
    """A `requestbody`, as JSON text."""
    TEMPLATE = "template"
    """A deployment template as JSON text; it names script extensions without running one."""
    POLICY = "policy"
    """The evaluated policies, as JSON text."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the background."""

    name: str
    """In the casing of the provider's own documentation."""
    path: str
    """Resource below `/providers/`; `{n}` is replaced by a number."""
    phases: int = 2
    """Records per execution: 1 only the result, 2 Start and result, 3 Start, Accept and result."""
    payload: Payload = Payload.RESULT
    category: str = "Administrative"
    weight: int = 4


_VM = "Microsoft.Compute/virtualMachines/vm{n}"
_VMSS = "Microsoft.Compute/virtualMachineScaleSets/vmss{n}"
_STORAGE = "Microsoft.Storage/storageAccounts/stcontoso{n}"
_VNET = "Microsoft.Network/virtualNetworks/vnet{n}"
_VAULT = "Microsoft.KeyVault/vaults/kv-contoso-{n}"
_DEPLOYMENT = "Microsoft.Resources/deployments/deploy-{n}"
_HUB = "Microsoft.EventHub/namespaces/ns-contoso-{n}"
_SITE = "Microsoft.Web/sites/app-contoso-{n}"
_AKS = "Microsoft.ContainerService/managedClusters/aks{n}"

BACKGROUND: tuple[Operation, ...] = (
    Operation("Microsoft.Storage/storageAccounts/listKeys/action", _STORAGE, weight=60),
    Operation("Microsoft.Storage/storageAccounts/write", _STORAGE, 3, Payload.REQUEST),
    Operation("Microsoft.Storage/storageAccounts/delete", _STORAGE),
    Operation("Microsoft.Storage/storageAccounts/listAccountSas/action", _STORAGE),
    Operation("Microsoft.Storage/storageAccounts/regenerateKey/action", _STORAGE),
    Operation(
        "Microsoft.Storage/storageAccounts/blobServices/containers/write", _STORAGE, 2, Payload.REQUEST
    ),
    Operation("Microsoft.Authorization/policies/audit/action", _VM, 1, Payload.POLICY, "Policy", 50),
    Operation(
        "Microsoft.Authorization/policies/auditIfNotExists/action",
        _VM + "/extensions/CustomScriptExtension",
        1,
        Payload.POLICY,
        "Policy",
        30,
    ),
    Operation(
        "Microsoft.Authorization/policies/deployIfNotExists/action", _VM, 3, Payload.POLICY, "Policy", 6
    ),
    Operation("Microsoft.Authorization/policies/deny/action", _STORAGE, 1, Payload.POLICY, "Policy"),
    Operation("Microsoft.Authorization/policies/modify/action", _STORAGE, 1, Payload.POLICY, "Policy"),
    Operation(
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/ra-{n}",
        2,
        Payload.REQUEST,
    ),
    Operation(
        "Microsoft.Authorization/roleAssignments/delete", "Microsoft.Authorization/roleAssignments/ra-{n}"
    ),
    Operation(
        "Microsoft.Authorization/policyAssignments/write",
        "Microsoft.Authorization/policyAssignments/pa-{n}",
        2,
        Payload.REQUEST,
    ),
    Operation("Microsoft.Authorization/locks/write", "Microsoft.Authorization/locks/lock{n}"),
    Operation("Microsoft.Authorization/elevateAccess/action", "Microsoft.Authorization", weight=1),
    Operation("Microsoft.Resources/deployments/write", _DEPLOYMENT, 3, Payload.TEMPLATE, weight=20),
    Operation("Microsoft.Resources/deployments/validate/action", _DEPLOYMENT, 2, Payload.TEMPLATE, weight=10),
    Operation("Microsoft.Resources/deployments/whatIf/action", _DEPLOYMENT, 3, Payload.TEMPLATE),
    Operation("Microsoft.Resources/subscriptions/resourceGroups/write", _DEPLOYMENT, 2, Payload.REQUEST),
    Operation("Microsoft.Resources/subscriptions/resourceGroups/delete", _DEPLOYMENT, 3),
    Operation("Microsoft.Resources/tags/write", "Microsoft.Resources/tags/default", 2, Payload.REQUEST),
    Operation(
        "Microsoft.Resources/deploymentScripts/write",
        "Microsoft.Resources/deploymentScripts/script{n}",
        3,
        Payload.REQUEST,
    ),
    Operation("Microsoft.Compute/virtualMachines/write", _VM, 3, Payload.REQUEST, weight=10),
    Operation("Microsoft.Compute/virtualMachines/start/action", _VM, 3, weight=10),
    Operation("Microsoft.Compute/virtualMachines/deallocate/action", _VM, 3, weight=10),
    Operation("Microsoft.Compute/virtualMachines/restart/action", _VM, 3),
    Operation("Microsoft.Compute/virtualMachines/powerOff/action", _VM, 3),
    Operation("Microsoft.Compute/virtualMachines/delete", _VM, 3),
    Operation("Microsoft.Compute/virtualMachines/extensions/delete", _VM + "/extensions/agent", 3),
    Operation("Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action", _VM),
    Operation("Microsoft.Compute/disks/write", "Microsoft.Compute/disks/disk{n}", 3, Payload.REQUEST),
    Operation("Microsoft.Compute/disks/beginGetAccess/action", "Microsoft.Compute/disks/disk{n}", 3),
    Operation("Microsoft.Compute/snapshots/write", "Microsoft.Compute/snapshots/snap{n}", 3, Payload.REQUEST),
    Operation("Microsoft.Compute/snapshots/delete", "Microsoft.Compute/snapshots/snap{n}", 3),
    Operation("Microsoft.Compute/virtualMachineScaleSets/write", _VMSS, 3, Payload.REQUEST),
    Operation("Microsoft.Compute/virtualMachineScaleSets/manualUpgrade/action", _VMSS, 3),
    Operation("Microsoft.Compute/virtualMachineScaleSets/delete", _VMSS, 3),
    Operation("Microsoft.Compute/images/write", "Microsoft.Compute/images/image{n}", 3, Payload.REQUEST),
    Operation("Microsoft.Compute/sshPublicKeys/write", "Microsoft.Compute/sshPublicKeys/key{n}"),
    Operation("Microsoft.Network/networkInterfaces/write", "Microsoft.Network/networkInterfaces/nic{n}", 3),
    Operation(
        "Microsoft.Network/networkInterfaces/join/action", "Microsoft.Network/networkInterfaces/nic{n}"
    ),
    Operation("Microsoft.Network/publicIPAddresses/write", "Microsoft.Network/publicIPAddresses/pip{n}", 3),
    Operation(
        "Microsoft.Network/networkSecurityGroups/securityRules/write",
        "Microsoft.Network/networkSecurityGroups/nsg{n}/securityRules/allow-{n}",
        3,
        Payload.REQUEST,
    ),
    Operation(
        "Microsoft.Network/networkSecurityGroups/write", "Microsoft.Network/networkSecurityGroups/nsg{n}", 3
    ),
    Operation("Microsoft.Network/virtualNetworks/write", _VNET, 3, Payload.REQUEST),
    Operation("Microsoft.Network/virtualNetworks/subnets/write", _VNET + "/subnets/default", 3),
    Operation("Microsoft.Network/virtualNetworks/subnets/join/action", _VNET + "/subnets/default"),
    Operation("Microsoft.Network/loadBalancers/write", "Microsoft.Network/loadBalancers/lb{n}", 3),
    Operation("Microsoft.Network/privateEndpoints/write", "Microsoft.Network/privateEndpoints/pe{n}", 3),
    Operation("Microsoft.KeyVault/vaults/write", _VAULT, 2, Payload.REQUEST),
    Operation("Microsoft.KeyVault/vaults/accessPolicies/write", _VAULT + "/accessPolicies/add"),
    Operation("Microsoft.KeyVault/vaults/secrets/write", _VAULT + "/secrets/secret{n}"),
    Operation("Microsoft.Web/sites/write", _SITE, 2, Payload.REQUEST),
    Operation("Microsoft.Web/sites/restart/action", _SITE),
    Operation("Microsoft.Web/sites/config/write", _SITE + "/config/web", 2, Payload.REQUEST),
    Operation("Microsoft.Web/sites/publishxml/action", _SITE),
    Operation("Microsoft.Web/serverfarms/write", "Microsoft.Web/serverfarms/plan{n}", 2, Payload.REQUEST),
    Operation("Microsoft.Sql/servers/write", "Microsoft.Sql/servers/sql{n}", 3),
    Operation("Microsoft.Sql/servers/firewallRules/write", "Microsoft.Sql/servers/sql{n}/firewallRules/fw"),
    Operation("Microsoft.Sql/servers/databases/write", "Microsoft.Sql/servers/sql{n}/databases/db{n}", 3),
    Operation("Microsoft.ContainerService/managedClusters/write", _AKS, 3, Payload.REQUEST),
    Operation("Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", _AKS),
    Operation("Microsoft.ContainerRegistry/registries/write", "Microsoft.ContainerRegistry/registries/cr{n}"),
    Operation("Microsoft.EventHub/namespaces/authorizationRules/listKeys/action", _HUB, weight=10),
    Operation("Microsoft.EventHub/namespaces/write", _HUB, 3, Payload.REQUEST),
    Operation(
        "Microsoft.Insights/diagnosticSettings/write",
        "Microsoft.Insights/diagnosticSettings/collect-activity",
        2,
        Payload.REQUEST,
    ),
    Operation("Microsoft.Insights/metricAlerts/write", "Microsoft.Insights/metricAlerts/cpu-{n}"),
    Operation("Microsoft.Insights/autoscaleSettings/write", "Microsoft.Insights/autoscaleSettings/as{n}"),
    Operation(
        "Microsoft.OperationalInsights/workspaces/write", "Microsoft.OperationalInsights/workspaces/ws{n}"
    ),
    Operation(
        "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        "Microsoft.OperationalInsights/workspaces/ws{n}",
    ),
    Operation(
        "Microsoft.Automation/automationAccounts/jobs/write", "Microsoft.Automation/automationAccounts/aa{n}"
    ),
    Operation("Microsoft.RecoveryServices/vaults/write", "Microsoft.RecoveryServices/vaults/rsv{n}", 3),
    Operation("Microsoft.Logic/workflows/write", "Microsoft.Logic/workflows/flow{n}", 2, Payload.REQUEST),
    Operation(
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", "Microsoft.ManagedIdentity/id{n}"
    ),
    Operation("Microsoft.Security/pricings/write", "Microsoft.Security/pricings/VirtualMachines"),
)
"""What an ordinary tenant does all day. None of these is an operation of RULE 15."""

EXTENSION_WRITE = "Microsoft.Compute/virtualMachines/extensions/write"
RUN_COMMAND = "Microsoft.Compute/virtualMachines/runCommand/action"

OTHER_EXECUTIONS: tuple[tuple[str, str], ...] = (
    ("Microsoft.Compute/virtualMachines/runCommands/write", _VM + "/runCommands/setup"),
    (
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/runCommand/action",
        _VMSS + "/virtualMachines/{n}",
    ),
    (
        "Microsoft.Compute/virtualMachineScaleSets/extensions/write",
        _VMSS + "/extensions/CustomScriptExtension",
    ),
    (
        "Microsoft.HybridCompute/machines/extensions/write",
        "Microsoft.HybridCompute/machines/arc{n}/extensions/RunCommand",
    ),
    ("Microsoft.ContainerService/managedClusters/runCommand/action", _AKS),
)
"""Operations that run code on a machine and are outside RULE 15: name and resource path."""
